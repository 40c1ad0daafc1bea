#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "steer/v1/generation.pb.h"

namespace steer {

// What a stream of Generate has told so far, and how its multipliers were changed meanwhile: enough
// to ask for the rest if it breaks off (UNAVAILABLE: the server went away or is shutting down). The
// rest is what the unbroken stream would have told, on any server with the same model and signals.
// It may break off again: Take goes on with its messages. Not thread-safe.
//
// A signal that the request names by an alias is looked up again: name it by its id where the alias
// may move. A budget is spent again: name its curves where new ones may come.
class GenerationProgress {
 public:
  explicit GenerationProgress(v1::GenerateRequest request);

  // Every message of the stream, in order.
  void Take(const v1::GenerateResponse& event);

  // A change by UpdateGeneration, once it was answered. NOT_FOUND if the request does not spell a
  // signal like that; FAILED_PRECONDITION for a change of m2 alone where the request leaves m1 to
  // the signal, which only the server knows.
  absl::Status TakeUpdate(const v1::UpdateGenerationRequest& update,
                          const v1::UpdateGenerationResponse& response);

  // The request for the rest; the request itself while nothing was told. FAILED_PRECONDITION if
  // there is no rest, or if there are several completions, which cannot be resumed; also for a
  // budget whose multipliers were changed, since a stream tells only at its end what they were.
  absl::StatusOr<v1::GenerateRequest> Rest() const;

 private:
  v1::GenerateRequest request_;  // grows by the changes
  v1::GenerationStarted started_;
  std::vector<int32_t> ids_;
  bool any_ = false;
  bool prompt_told_ = false;
  bool finished_ = false;
};

}  // namespace steer

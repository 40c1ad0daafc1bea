#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/types.h"

namespace steer {

enum class FinishReason : uint8_t {
  kStop,
  kEndOfText,
  kLength,
  kCancelled,
  kDeadline,
  kError,
  kScored
};
absl::string_view Name(FinishReason reason);  // "stop", "end_of_text", …; also the metric label

// One generated token. `text` is whole UTF-8 and may be empty: a character may need several tokens,
// and text that may begin a stop string is held back.
struct TokenEvent {
  TokenId token = 0;
  std::string text;
  std::optional<float> log_prob;  // natural log, raw distribution
};

// Tokens on which one signal of the request acted, by stage: the receipt's proof.
struct SteeredTokens {
  int prompt = 0;
  int generated = 0;
};

// The last event of every request, whatever happened.
struct FinishedEvent {
  FinishReason reason = FinishReason::kError;
  absl::Status status;    // OK for kStop, kEndOfText, kLength and kScored
  std::string tail_text;  // text that was held back and belongs to the answer
  int prompt_tokens = 0;
  int generated_tokens = 0;
  std::vector<SteeredTokens> steered;    // parallel to Request::controls
  std::vector<double> forced_log_probs;  // log p of each forced token (Request::tokens past
                                         // prompt_length), when scoring
  double queue_seconds = 0;              // submission to the first step
  double first_token_seconds = 0;        // submission to the first token; 0 if there was none
  double total_seconds = 0;
};

// Where a request's events go. Called on the engine thread only; must not block and must not call
// back into the engine.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void OnToken(TokenEvent event) = 0;
  // Exactly once, last.
  virtual void OnFinished(FinishedEvent event) = 0;
};

}  // namespace steer

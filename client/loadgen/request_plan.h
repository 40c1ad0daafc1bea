#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/loadgen/options.h"
#include "steer/v1/generation.pb.h"

namespace steer {

// How far behind its beginning a prompt's text may start; TextIds is asked for so many.
inline constexpr int kPromptOffsets = 97;

struct PlannedRequest {
  v1::GenerateRequest request;
  // Cancel once so many tokens have come; 0: as soon as the server has taken it.
  std::optional<int> cancel_after;
};

// Which request a stream sends. The same options, stream and number give the same request. Prompts
// begin with `shared_prefix` equal tokens and then differ at once: the server's prefix cache finds
// the one part and not the other. Immutable.
class RequestPlan {
 public:
  // `ids`: TextIds of prompt_tokens and kPromptOffsets.
  RequestPlan(const LoadOptions& options, std::vector<int32_t> ids,
              std::vector<std::string> signals);

  PlannedRequest Request(int stream, int64_t number) const;

 private:
  const LoadOptions options_;
  const std::vector<int32_t> ids_;
  const std::vector<std::string> signals_;
};

}  // namespace steer

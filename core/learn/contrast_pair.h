#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "core/signal/forced_text.h"

namespace steer {

// One example of a learner: two texts whose answers begin behind the same prompt, or behind prompts
// of their own.
struct ContrastPair {
  ForcedText positive;
  ForcedText negative;
  // Where the prompts differ: each answer behind the other's. Only an interchange needs them.
  std::optional<ForcedText> positive_elsewhere;
  std::optional<ForcedText> negative_elsewhere;
};

// INVALID_ARGUMENT, naming the pair, where an answer is not the same tokens behind both prompts.
absl::Status CheckElsewhere(const std::vector<ContrastPair>& pairs);

}  // namespace steer

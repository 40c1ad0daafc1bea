#pragma once

#include <optional>

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

}  // namespace steer

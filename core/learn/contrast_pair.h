#pragma once

#include "core/signal/forced_text.h"

namespace steer {

// One example of a learner: two texts that share a prompt, behind which the answers begin.
struct ContrastPair {
  ForcedText positive;
  ForcedText negative;
};

}  // namespace steer

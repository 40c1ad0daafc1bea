#pragma once

#include <vector>

#include "core/base/types.h"
#include "core/signal/positions.h"

namespace steer {

// A text to be judged: the prompt and the continuation whose log-probability is asked.
struct ForcedText {
  std::vector<TokenId> tokens;  // prompt, then continuation
  PromptLayout layout;          // prompt_length in 1 .. tokens.size() - 1
};

// The log-probability of each continuation token, in order.
using ForcedLogProbs = std::vector<double>;

}  // namespace steer

#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/types.h"
#include "core/signal/positions.h"

namespace steer {

// A text to be judged: the prompt and the continuation whose log-probability is asked.
struct ForcedText {
  std::vector<TokenId> tokens;  // prompt, then continuation
  PromptLayout layout;          // prompt_length < tokens.size()
};

// The analysis' only way to the model; runtime implements it with the engine. Thread-safe.
class Scorer {
 public:
  virtual ~Scorer() = default;
  // log p of each continuation token of each text, in order, all under one setting of the controls
  // that the scorer was made for, at multiplier `multiplier`. `cancelled` is polled; when it
  // answers true the call ends with CANCELLED.
  virtual absl::StatusOr<std::vector<std::vector<double>>> LogProbs(
      const std::vector<ForcedText>& texts, double multiplier,
      const std::function<bool()>& cancelled) = 0;
};

}  // namespace steer

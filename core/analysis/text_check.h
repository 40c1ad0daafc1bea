#pragma once

#include <functional>

#include "absl/status/statusor.h"

namespace steer {

// The last word on a recommended multiplier is generated text: a teacher-forced fit puts the end of
// coherence about a quarter too far out (paper 2.6).
struct TextCheck {
  bool passed = false;          // false: none that was tried did, and `multiplier` is 0
  double multiplier = 0;        // the largest that passed
  double first_multiplier = 0;  // that was recommended
  int tried = 0;                // multipliers, 0 not among them
  // Nats per token of generated text in the plain model, at 0 and at `multiplier`.
  double plain_nll = 0;
  double steered_nll = 0;
};

// The share by which a multiplier that did not pass shrinks, and how often.
inline constexpr double kShrink = 0.8;
inline constexpr int kMostTried = 8;  // down to a fifth

// `nll` measures texts generated at a multiplier. One passes if it is at most `max_increase` above
// that at 0. Errors are `nll`'s.
absl::StatusOr<TextCheck> CheckOnText(double multiplier, double max_increase,
                                      const std::function<absl::StatusOr<double>(double)>& nll);

}  // namespace steer

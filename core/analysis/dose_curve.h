#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/analysis/odds.h"
#include "core/analysis/preference_utility_scorer.h"

namespace steer {

// One quantity of a signal against its multiplier, pair by pair, in nats. What is fitted is the
// mean over pairs; the single pairs are kept because the bootstrap draws among them.
struct DoseCurve {
  std::vector<double> multipliers;          // ascending, distinct
  std::vector<std::vector<double>> values;  // [pairs][multipliers]
  int dropped_pairs = 0;                    // left out because undefined at some multiplier
};

// INVALID_ARGUMENT unless every number is finite, the multipliers ascend, and there is at least one
// pair with one value per multiplier.
absl::Status ValidateDoseCurve(const DoseCurve& curve);

// [multipliers]. Needs a valid curve.
std::vector<double> MeanOverPairs(const DoseCurve& curve);

// The curves of a sweep, whose points may come in any order.
absl::StatusOr<DoseCurve> PreferenceCurve(const std::vector<ScorePoint>& points, LossMode mode);

// Only the pairs whose utility is defined at every multiplier: a mean over other pairs at every
// point would show the change of company as if it were an effect of m. FAILED_PRECONDITION if no
// pair is left.
absl::StatusOr<DoseCurve> UtilityCurve(const std::vector<ScorePoint>& points, LossMode mode);

}  // namespace steer

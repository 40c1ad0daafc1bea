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

// A quantity pair by pair at the points of a sweep, in their order.
struct PairValues {
  std::vector<std::vector<double>> values;  // [pairs][points]
  int dropped_pairs = 0;                    // left out because undefined at some point
};

enum class Quantity { kPreference, kUtility };

// Utility: only of the pairs that have one at every point. A mean over other pairs at every point
// would show the change of company as if it were an effect of m. FAILED_PRECONDITION if no pair is
// left, INVALID_ARGUMENT unless all points have the same pairs.
absl::StatusOr<PairValues> ValuesOf(const std::vector<ScorePoint>& points, Quantity quantity,
                                    LossMode mode);

// [points]; `values` has a pair.
std::vector<double> MeanOverPairs(const std::vector<std::vector<double>>& values);

// INVALID_ARGUMENT unless every number is finite, the multipliers ascend, and there is at least one
// pair with one value per multiplier.
absl::Status ValidateDoseCurve(const DoseCurve& curve);

// [multipliers]. Needs a valid curve.
std::vector<double> MeanOverPairs(const DoseCurve& curve);

// The curves of a sweep of one signal, whose points may come in any order. Errors as ValuesOf's and
// ValidateDoseCurve's.
absl::StatusOr<DoseCurve> PreferenceCurve(const std::vector<ScorePoint>& points, LossMode mode);
absl::StatusOr<DoseCurve> UtilityCurve(const std::vector<ScorePoint>& points, LossMode mode);

}  // namespace steer

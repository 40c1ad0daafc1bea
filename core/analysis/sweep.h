#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/preference_utility_scorer.h"

namespace steer {

// Where to measure a dose curve of unknown shape: evenly at first, then where it bends.
struct AdaptiveGrid {
  double low = 0;  // low < high
  double high = 0;
  int points = 25;  // in all
  int initial = 9;  // evenly spaced from low to high; 3 .. points - 1
};

// The even multipliers, and 0 if it lies between them, which everything is compared with;
// ascending.
std::vector<double> FirstMultipliers(const AdaptiveGrid& grid);

// Up to `most` multipliers that cut the gaps in which straight lines are farthest from the curve,
// as far as the change of slope at their ends tells, each gap evenly; of equals the widest, then
// the first. Preference and utility (MEAN) count alike, each in units of its own range. `points`
// and the answer ascend; empty for fewer than three.
std::vector<double> NextMultipliers(const std::vector<ScorePoint>& points, int most);

// ScorePairs over an adaptive grid, a quarter of the points more in each round. Points are handed
// on in the order in which they were measured; the answer ascends. Errors as ScorePairs'.
absl::StatusOr<std::vector<ScorePoint>> SweepAdaptively(Scorer& scorer,
                                                        const std::vector<TokenPair>& pairs,
                                                        const AdaptiveGrid& grid,
                                                        const std::function<bool()>& cancelled,
                                                        const ScoreListener& listener);

// The same over given multipliers.
absl::StatusOr<std::vector<ScorePoint>> SweepOver(Scorer& scorer,
                                                  const std::vector<TokenPair>& pairs,
                                                  const std::vector<double>& multipliers,
                                                  const std::function<bool()>& cancelled,
                                                  const ScoreListener& listener);

// Two controls together, each multiplier of one with each of the other's: first-major, ascending.
absl::StatusOr<std::vector<ScorePoint>> SweepJointly(Scorer& scorer,
                                                     const std::vector<TokenPair>& pairs,
                                                     std::vector<double> first,
                                                     std::vector<double> second,
                                                     const std::function<bool()>& cancelled,
                                                     const ScoreListener& listener);

}  // namespace steer

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/curve_bootstrap.h"
#include "core/analysis/curve_fit.h"
#include "core/analysis/measured_range.h"
#include "core/analysis/phases.h"
#include "core/analysis/preference_utility_scorer.h"

namespace steer {

// A measured dose curve as one looks at it. All of this is computed from the points of a sweep,
// every one with the same pairs.

// Means over pairs at one multiplier, with the bootstrap over pairs. Utility is over the pairs that
// have one at every multiplier of the curve: the same company everywhere.
struct CurvePoint {
  double multiplier = 0;
  double second_multiplier = 0;  // as in ScorePoint
  double preference = 0;         // MEAN nats
  Interval preference_interval;  // 95 %
  std::optional<double> utility;
  Interval utility_interval;
  double sum_preference = 0;  // SUM nats, likewise
  Interval sum_preference_interval;
  std::optional<double> sum_utility;
  Interval sum_utility_interval;
};

struct CurveSummary {
  int utility_pairs = 0;  // that have a utility (MEAN) at every multiplier
  std::vector<CurvePoint> points;
};
// In the order of the points, which may be those of two signals together.
CurveSummary SummariseCurve(const std::vector<ScorePoint>& points);

// One law, fitted.
struct LawReport {
  CurveFit fit;
  std::optional<CurveBand> band;  // over the grid of the report; with a fit and a bootstrap only
};

struct FitReport {
  LawReport preference;
  LawReport utility;
  std::vector<PhaseInterval> phases;  // of the preference curve, ascending
  std::string phases_missing;         // why there are none
  std::vector<double> grid;           // even, over the measured range
};

// `points` ascend. `band_points` of at least 2 make the grid; no bands without `bootstrap`. A
// utility that no pair has everywhere is a verdict (kTooFewPoints), not an error. The errors are
// BootstrapParams'.
absl::StatusOr<FitReport> ReportFit(const std::vector<ScorePoint>& points, LossMode mode,
                                    const std::optional<BootstrapParams>& bootstrap,
                                    int band_points);

// What a recommendation is made from: the means, and the fits in MEAN nats. `points` ascend.
absl::StatusOr<SignalCurves> ToSignalCurves(const std::vector<ScorePoint>& points);

}  // namespace steer

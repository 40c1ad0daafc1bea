#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/dose_curve.h"
#include "core/analysis/validity_decay.h"

namespace steer {

// The two laws (paper 2.4); each has its own D.
//   PrefOdds(m) = (alpha m + beta) D(m) + b
//   UtilOdds(m) = beta D(m) + b
enum class CurveLaw { kPreference, kUtility };

// The least that a fit is asked from: one point more than free parameters (with D(0+) = D(0-): 8
// and 7 of two sides, 6 and 5 of one), and on each side of 0 either nothing or enough to tell its
// width from its tail. That is enough to compute, not to trust: about 12 points a side, out to
// where the curve is flat, are (paper 2.5).
inline constexpr int kMinPreferencePoints = 9;
inline constexpr int kMinUtilityPoints = 8;
inline constexpr int kMinOneSidedPreferencePoints = 7;
inline constexpr int kMinOneSidedUtilityPoints = 6;
inline constexpr int kMinPointsPerSide = 4;

// A fitted law in the units of m and nats. An immutable value.
struct FittedCurve {
  double alpha = 0;  // nats per unit of m; 0 for utility
  double beta = 0;
  double b = 0;
  ValidityDecay decay;           // D(0+) = D(0-); a side without measurements is missing
  double lowest_multiplier = 0;  // what was measured
  double highest_multiplier = 0;

  // The value and its slope at m; nullopt on a side without measurements. At 0 the slope is that
  // towards m > 0.
  std::optional<double> At(double multiplier) const;
  std::optional<double> SlopeAt(double multiplier) const;
  // Where D is one half on that side; nullopt if nothing was measured there.
  std::optional<HalfValidity> HalfPoint(Side side) const;
};

enum class FitVerdict {
  kFitted,
  kTooFewPoints,
  kFlat,          // the values do not vary: every D fits
  kNotConverged,  // no start ended where D is continuous and the misfit stationary
};

struct CurveFit {
  FitVerdict verdict = FitVerdict::kNotConverged;
  std::string reason;  // says the verdict in words and numbers; empty if kFitted
  int pairs = 0;       // that the means are over
  int dropped_pairs = 0;
  std::vector<double> multipliers;
  std::vector<double> means;         // [multipliers], what was fitted
  std::optional<FittedCurve> curve;  // if kFitted
  std::vector<double> residuals;     // [multipliers], mean - fitted, if kFitted
  // 1 - SSE / SST, if kFitted: SST is then not 0.
  std::optional<double> r_squared;
};

// Least squares of the mean over pairs (paper 2.5). The same input gives the same bits. The error
// is ValidateDoseCurve's alone; data that cannot be fitted are a verdict. L and p are nearly
// degenerate while (m - m±)² / L is small: compare curves and half points, not parameters. A few
// milliseconds.
absl::StatusOr<CurveFit> FitPreference(const DoseCurve& curve);
absl::StatusOr<CurveFit> FitUtility(const DoseCurve& curve);

// Fits other means of the same multipliers, looking near `start` only: for resamples of the same
// data. nullopt if they are flat or the search does not converge.
std::optional<FittedCurve> Refit(CurveLaw law, const FittedCurve& start,
                                 const std::vector<double>& multipliers,
                                 const std::vector<double>& means);

}  // namespace steer

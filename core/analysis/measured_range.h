#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/curve_fit.h"

namespace steer {

// Means over pairs at one multiplier. A value is missing where the measurement failed or is
// undefined.
struct MeasuredPoint {
  double multiplier = 0;
  std::optional<double> preference;
  std::optional<double> utility;
};

// What is known of one signal. Utility is in MEAN nats throughout: a loss in nats per token can be
// compared between answers of any length, one in SUM nats cannot.
struct SignalCurves {
  std::vector<MeasuredPoint> points;  // any order, each multiplier once
  CurveFit preference;
  CurveFit utility;
};

// Below this R² of either fit the measured points, joined by straight lines, are used instead.
inline constexpr double kTrustedRSquared = 0.95;
// Utility that falls by less than this over the measured points (MEAN nats) has not collapsed;
// there is then no half-validity point to be read off the points.
inline constexpr double kLeastCollapse = 0.1;

enum class CurveSource { kFit, kPoints };

enum class RangeEnd {
  kLastMeasured,  // nothing was measured farther out
  kGap,           // the next multiplier has no preference or no utility
  kHalfValidity,  // farther out the text is falling apart, and preference may grow all the same
};

// Where a multiplier may be looked for: from the measured points next to 0 outwards, over
// measured points without a gap, and not past the utility's half-validity point. That is the
// trusted utility fit's (with beta > 0: utility falls with D). Without one it is read off the
// points, where utility falls through the middle of its measured extremes; since the fall may go on
// unmeasured, this lies on the near side of the truth.
struct MeasuredRange {
  double low = 0;  // low <= 0 <= high
  double high = 0;
  RangeEnd low_end = RangeEnd::kLastMeasured;
  RangeEnd high_end = RangeEnd::kLastMeasured;
};

// A signal's curves over its range, made ready to be asked. An immutable value.
class RangedCurves {
 public:
  // INVALID_ARGUMENT for a number that is not finite or a multiplier given twice;
  // FAILED_PRECONDITION unless m = 0, or else its neighbour on either side, has both values.
  static absl::StatusOr<RangedCurves> Create(const SignalCurves& curves);

  // m in [range().low, range().high]
  double Preference(double multiplier) const;
  double Utility(double multiplier) const;

  const MeasuredRange& range() const { return range_; }
  CurveSource source() const { return source_; }
  // Why the points and not the fits; empty if the fits.
  const std::string& source_reason() const { return source_reason_; }
  // Multipliers to try first: the measured ones within the range, its ends, and 0; ascending.
  std::vector<double> Knots() const;

 private:
  RangedCurves() = default;
  void LimitToHalfValidity(const CurveFit& utility);

  std::vector<MeasuredPoint> points_;  // ascending, without a gap, both values present
  std::optional<FittedCurve> preference_, utility_;
  MeasuredRange range_;
  CurveSource source_ = CurveSource::kFit;
  std::string source_reason_;
};

}  // namespace steer

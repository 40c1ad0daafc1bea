#include "core/analysis/measured_range.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

bool IsWhole(const MeasuredPoint& point) { return point.preference && point.utility; }

absl::StatusOr<std::vector<MeasuredPoint>> Ascending(std::vector<MeasuredPoint> points) {
  for (size_t i = 0; i < points.size(); ++i) {
    const MeasuredPoint& point = points[i];
    for (const double value :
         {point.multiplier, point.preference.value_or(0), point.utility.value_or(0)}) {
      if (std::isfinite(value)) continue;
      return InvalidField(absl::StrCat("points[", i, "]"), absl::StrCat(value), "finite numbers");
    }
  }
  std::sort(points.begin(), points.end(), [](const MeasuredPoint& a, const MeasuredPoint& b) {
    return a.multiplier < b.multiplier;
  });
  for (size_t i = 1; i < points.size(); ++i) {
    if (points[i].multiplier != points[i - 1].multiplier) continue;
    return InvalidField("points", absl::StrCat("multiplier ", points[i].multiplier, " twice"),
                        "each multiplier once");
  }
  return points;
}

// Piecewise linear through `points`, which ascend and enclose `multiplier`.
double Interpolate(const std::vector<MeasuredPoint>& points, double multiplier,
                   std::optional<double> MeasuredPoint::* value) {
  const auto after =
      std::lower_bound(points.begin(), points.end(), multiplier,
                       [](const MeasuredPoint& point, double m) { return point.multiplier < m; });
  if (after == points.end()) return *(points.back().*value);
  if (after->multiplier == multiplier || after == points.begin()) return *((*after).*value);
  const MeasuredPoint& before = *(after - 1);
  const double share = (multiplier - before.multiplier) / (after->multiplier - before.multiplier);
  return *(before.*value) + share * (*((*after).*value) - *(before.*value));
}

// Why a fit cannot stand for the points over [low, high]; empty if it can.
std::string Distrust(const char* name, const CurveFit& fit, double low, double high) {
  if (!fit.curve || !fit.r_squared) {
    return absl::StrCat("no fit of ", name, fit.reason.empty() ? "" : ": ", fit.reason);
  }
  if (!(*fit.r_squared >= kTrustedRSquared)) {
    return absl::StrCat("R² of the ", name, " fit is ", *fit.r_squared, ", below ",
                        kTrustedRSquared);
  }
  if (!(fit.curve->lowest_multiplier <= low && fit.curve->highest_multiplier >= high)) {
    return absl::StrCat("the ", name, " fit covers ", fit.curve->lowest_multiplier, " to ",
                        fit.curve->highest_multiplier, " only");
  }
  return "";
}

}  // namespace

absl::StatusOr<RangedCurves> RangedCurves::Create(const SignalCurves& curves) {
  STEER_ASSIGN_OR_RETURN(const std::vector<MeasuredPoint> points, Ascending(curves.points));
  // `first` and `last`: the points that enclose 0, which are the same where 0 itself was measured.
  const int size = static_cast<int>(points.size());
  int last = 0;
  while (last < size && points[last].multiplier < 0) ++last;
  int first = last < size && points[last].multiplier == 0 ? last : last - 1;
  if (first < 0 || last == size || !IsWhole(points[first]) || !IsWhole(points[last])) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"ZERO_NOT_MEASURED", "points", "no whole measurement at or around m = 0",
                       "preference and utility at m = 0, or else at its neighbours on both sides"});
  }
  RangedCurves ranged;
  while (first > 0 && IsWhole(points[first - 1])) --first;
  while (last + 1 < size && IsWhole(points[last + 1])) ++last;
  ranged.points_.assign(points.begin() + first, points.begin() + last + 1);
  ranged.range_ = {.low = points[first].multiplier,
                   .high = points[last].multiplier,
                   .low_end = first > 0 ? RangeEnd::kGap : RangeEnd::kLastMeasured,
                   .high_end = last + 1 < size ? RangeEnd::kGap : RangeEnd::kLastMeasured};
  const double low = ranged.range_.low, high = ranged.range_.high;
  ranged.source_reason_ = Distrust("preference", curves.preference, low, high);
  if (ranged.source_reason_.empty()) {
    ranged.source_reason_ = Distrust("utility", curves.utility, low, high);
  }
  if (ranged.source_reason_.empty()) {
    ranged.preference_ = curves.preference.curve;
    ranged.utility_ = curves.utility.curve;
  } else {
    ranged.source_ = CurveSource::kPoints;
  }
  ranged.LimitToHalfValidity(curves.utility);
  return ranged;
}

void RangedCurves::LimitToHalfValidity(const CurveFit& utility) {
  const auto limit = [this](Side side, double multiplier) {
    double& end = side == Side::kPositive ? range_.high : range_.low;
    if (std::abs(multiplier) >= std::abs(end)) return;
    end = multiplier;
    (side == Side::kPositive ? range_.high_end : range_.low_end) = RangeEnd::kHalfValidity;
  };
  if (Distrust("utility", utility, range_.low, range_.high).empty() && utility.curve->beta > 0) {
    for (const Side side : {Side::kNegative, Side::kPositive}) {
      const std::optional<HalfValidity> half = utility.curve->HalfPoint(side);
      if (half && !half->beyond_range) limit(side, half->multiplier);
    }
    return;
  }
  const auto [least, most] = std::minmax_element(
      points_.begin(), points_.end(),
      [](const MeasuredPoint& a, const MeasuredPoint& b) { return *a.utility < *b.utility; });
  if (*most->utility - *least->utility < kLeastCollapse) return;
  const double middle = (*most->utility + *least->utility) / 2;
  // Only a fall on the way out from the highest point counts, so that a curve whose best lies on
  // one side of 0 is still searched there.
  const auto crossing = [middle](const MeasuredPoint& inner, const MeasuredPoint& outer) {
    const double share = (*inner.utility - middle) / (*inner.utility - *outer.utility);
    return inner.multiplier + share * (outer.multiplier - inner.multiplier);
  };
  for (auto outer = most; outer != points_.end(); ++outer) {
    if (*outer->utility >= middle) continue;
    limit(Side::kPositive, std::max(0.0, crossing(*(outer - 1), *outer)));
    break;
  }
  for (auto outer = most;; --outer) {
    if (*outer->utility < middle) {
      limit(Side::kNegative, std::min(0.0, crossing(*(outer + 1), *outer)));
      break;
    }
    if (outer == points_.begin()) break;
  }
}

double RangedCurves::Preference(double multiplier) const {
  if (preference_) return *preference_->At(multiplier);
  return Interpolate(points_, multiplier, &MeasuredPoint::preference);
}

double RangedCurves::Utility(double multiplier) const {
  if (utility_) return *utility_->At(multiplier);
  return Interpolate(points_, multiplier, &MeasuredPoint::utility);
}

std::vector<double> RangedCurves::Knots() const {
  std::vector<double> knots = {range_.low, 0, range_.high};
  for (const MeasuredPoint& point : points_) {
    if (point.multiplier > range_.low && point.multiplier < range_.high) {
      knots.push_back(point.multiplier);
    }
  }
  std::sort(knots.begin(), knots.end());
  knots.erase(std::unique(knots.begin(), knots.end()), knots.end());
  return knots;
}

}  // namespace steer

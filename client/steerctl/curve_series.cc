#include "client/steerctl/curve_series.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "client/steerctl/curve_text.h"

namespace steer {
namespace {

std::optional<Range> FiniteRange(double low, double high) {
  if (!std::isfinite(low) || !std::isfinite(high)) return std::nullopt;
  return Range{std::min(low, high), std::max(low, high)};
}

std::optional<Range> FiniteRange(bool present, const v1::Interval& interval) {
  return present ? FiniteRange(interval.low(), interval.high()) : std::nullopt;
}

// What is drawn; sums have no intervals.
std::optional<CurveSeries::Point> PointOf(const v1::CurvePoint& point, Quantity quantity,
                                          v1::LossMode mode) {
  const std::optional<double> value = ValueOf(point, quantity, mode);
  if (!value || !std::isfinite(point.multiplier())) return std::nullopt;
  CurveSeries::Point drawn{point.multiplier(), *value, std::nullopt};
  if (mode == v1::SUM) return drawn;
  drawn.interval = quantity == Quantity::kPreference
                       ? FiniteRange(point.has_preference_interval(), point.preference_interval())
                       : FiniteRange(point.has_utility_interval(), point.utility_interval());
  return drawn;
}

CurveSeries::Fitted FittedOf(const v1::FittedPoint& point, Quantity quantity) {
  const bool preference = quantity == Quantity::kPreference;
  CurveSeries::Fitted fitted{point.multiplier(), std::nullopt, std::nullopt};
  const bool has = preference ? point.has_preference() : point.has_utility();
  const double value = preference ? point.preference() : point.utility();
  if (has && std::isfinite(value)) fitted.value = value;
  fitted.band = preference ? FiniteRange(point.has_preference_band(), point.preference_band())
                           : FiniteRange(point.has_utility_band(), point.utility_band());
  return fitted;
}

// The drawn law at m: a straight line between its two neighbours.
std::optional<double> DrawnLawAt(const std::vector<CurveSeries::Fitted>& fitted, double m) {
  for (size_t i = 0; i < fitted.size(); ++i) {
    if (!fitted[i].value) continue;
    if (fitted[i].multiplier == m) return fitted[i].value;
    if (i == 0 || !fitted[i - 1].value) continue;
    const double low = fitted[i - 1].multiplier;
    const double high = fitted[i].multiplier;
    if (low > m || m > high) continue;
    const double share = (m - low) / (high - low);
    return *fitted[i - 1].value + share * (*fitted[i].value - *fitted[i - 1].value);
  }
  return std::nullopt;
}

void AddHalfPoint(const v1::HalfValidity& half, CurveSeries& series) {
  if (!std::isfinite(half.multiplier())) return;
  if (half.beyond_range()) {
    series.notes.push_back(
        absl::StrCat("half validity beyond ", NumberText(half.multiplier()), ", not measured"));
    return;
  }
  const std::optional<double> value = DrawnLawAt(series.fitted, half.multiplier());
  if (!value) return;
  CurveSeries::HalfPoint drawn{half.multiplier(), *value, std::nullopt};
  if (half.has_nearest() && half.has_farthest()) {
    drawn.interval = FiniteRange(half.nearest(), half.farthest());
  }
  series.half_points.push_back(drawn);
}

void AddFit(const v1::FitCurveResponse& fit, Quantity quantity, CurveSeries& series) {
  const v1::LawFit& law = quantity == Quantity::kPreference ? fit.preference() : fit.utility();
  if (law.verdict() != v1::FITTED) {
    series.notes.push_back(absl::StrCat("no law fitted: ", VerdictText(law)));
    return;
  }
  for (const v1::FittedPoint& point : fit.fitted()) {
    if (std::isfinite(point.multiplier())) series.fitted.push_back(FittedOf(point, quantity));
  }
  if (law.has_r_squared() && std::isfinite(law.r_squared())) {
    series.notes.push_back(absl::StrCat("R² = ", NumberText(law.r_squared(), 4)));
  }
  if (law.has_half_negative()) AddHalfPoint(law.half_negative(), series);
  if (law.has_half_positive()) AddHalfPoint(law.half_positive(), series);
  if (quantity == Quantity::kPreference && fit.phases().empty() && !fit.phases_missing().empty()) {
    series.notes.push_back(absl::StrCat("no phases: ", fit.phases_missing()));
  }
}

std::vector<v1::PhaseInterval> PhasesOf(const CurvePlot& plot) {
  std::vector<v1::PhaseInterval> phases;
  if (!plot.fit) return phases;
  for (const v1::PhaseInterval& phase : plot.fit->phases()) {
    if (!std::isfinite(phase.low()) || !std::isfinite(phase.high())) continue;
    if (!phases.empty() && phases.back().phase() == phase.phase() &&
        phases.back().high() == phase.low()) {
      phases.back().set_high(phase.high());
    } else {
      phases.push_back(phase);
    }
  }
  return phases;
}

}  // namespace

std::optional<double> ValueOf(const v1::CurvePoint& point, Quantity quantity, v1::LossMode mode) {
  const bool preference = quantity == Quantity::kPreference;
  const bool sum = mode == v1::SUM;
  if (!preference && !(sum ? point.has_sum_utility() : point.has_utility())) return std::nullopt;
  double value = sum ? point.sum_utility() : point.utility();
  if (preference) value = sum ? point.sum_preference() : point.preference();
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

CurveSeries SeriesOf(const CurvePlot& plot, Quantity quantity) {
  CurveSeries series;
  for (const v1::CurvePoint& point : plot.curve.points()) {
    const auto drawn = PointOf(point, quantity, plot.mode);
    if (drawn) series.points.push_back(*drawn);
  }
  if (plot.fit) AddFit(*plot.fit, quantity, series);
  // A recommendation speaks of means.
  if (plot.recommendation && plot.mode != v1::SUM) {
    const v1::RecommendMultiplierResponse& told = *plot.recommendation;
    const double value = quantity == Quantity::kPreference ? told.preference() : told.utility();
    if (std::isfinite(told.multiplier()) && std::isfinite(value)) {
      series.recommended = CurveSeries::Point{told.multiplier(), value, std::nullopt};
    }
  }
  return series;
}

CurveParts PartsOf(const CurvePlot& plot) {
  CurveParts parts{SeriesOf(plot, Quantity::kPreference), SeriesOf(plot, Quantity::kUtility),
                   PhasesOf(plot), std::nullopt};
  if (plot.recommendation && std::isfinite(plot.recommendation->multiplier())) {
    parts.recommendation = plot.recommendation;
  }
  return parts;
}

}  // namespace steer

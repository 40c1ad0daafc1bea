#include "core/analysis/phases.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace steer {
namespace {

constexpr int kSteps = 2000;  // of a side; boundaries between two steps are bisected
constexpr double kLeastTrend = 1e-3;

// The first point from `from` towards `to` where `inside` stops being true; `to` if nowhere.
template <typename Inside>
double Leaves(double from, double to, Inside inside) {
  double last = from;
  for (int step = 1; step <= kSteps; ++step) {
    const double next = from + (to - from) * step / kSteps;
    if (inside(next)) {
      last = next;
      continue;
    }
    double outside = next;
    for (int i = 0; i < 50; ++i) {
      const double middle = (last + outside) / 2;
      (inside(middle) ? last : outside) = middle;
    }
    return last;
  }
  return to;
}

// One side in terms of the distance from 0, so that "outwards" is up.
std::vector<PhaseInterval> SidePhases(const FittedCurve& curve, const DecaySide& side,
                                      double outward, double reach) {
  const auto share = [&](double distance) {
    const double m = outward * distance;
    const double slope =
        curve.alpha * Validity(side, m) + (curve.alpha * m + curve.beta) * ValiditySlope(side, m);
    return slope / curve.alpha;
  };
  const auto linear = [&](double distance) {
    return std::abs(share(distance) - 1) <= kLinearShare;
  };
  const auto flat = [&](double distance) { return std::abs(share(distance)) < kConvergenceShare; };

  double linear_low = 0, linear_high = 0;
  const double peak = std::clamp(outward * side.peak, 0.0, reach);
  if (linear(peak)) {
    linear_low = Leaves(peak, 0, linear);
    linear_high = Leaves(peak, reach, linear);
  }
  const double far = kForGood * reach;
  double convergence = flat(far) ? std::min(Leaves(far, 0, flat), reach) : reach;
  convergence = std::max(convergence, linear_high);

  std::vector<PhaseInterval> intervals;
  const auto add = [&](Phase phase, double low, double high) {
    if (low < high) intervals.push_back({phase, low, high});
  };
  add(Phase::kTransitional, 0, linear_low);
  add(Phase::kLinear, linear_low, linear_high);
  add(Phase::kTransitional, linear_high, convergence);
  add(Phase::kConvergence, convergence, reach);
  return intervals;
}

}  // namespace

absl::StatusOr<PhaseReport> FindPhases(const FittedCurve& preference) {
  const double low = preference.lowest_multiplier, high = preference.highest_multiplier;
  double smallest = INFINITY, largest = -INFINITY;
  for (int step = 0; step <= kSteps; ++step) {
    const double value = *preference.At(low + (high - low) * step / kSteps);
    smallest = std::min(smallest, value);
    largest = std::max(largest, value);
  }
  const double trend = std::abs(preference.alpha) * (high - low);
  if (!(trend > kLeastTrend * (largest - smallest))) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"NO_LINEAR_TREND", "preference", absl::StrCat("alpha ", preference.alpha),
                       "a curve whose alpha moves it by at least a thousandth of its range"});
  }
  PhaseReport report;
  const ValidityDecay& decay = preference.decay;
  if (decay.positive && high > 0) {
    report.positive = SidePhases(preference, *decay.positive, 1, high);
  }
  if (decay.negative && low < 0) {
    report.negative = SidePhases(preference, *decay.negative, -1, -low);
    std::reverse(report.negative.begin(), report.negative.end());
    for (PhaseInterval& interval : report.negative) {
      // + 0: the side's own end is 0, not -0.
      interval = {interval.phase, -interval.high + 0.0, -interval.low + 0.0};
    }
  }
  return report;
}

}  // namespace steer

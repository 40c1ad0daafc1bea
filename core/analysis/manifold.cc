#include "core/analysis/manifold.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace steer {
namespace {

constexpr double kTail = 0.05;
// Of the variance: what is less is rounding.
constexpr double kLeast = 1e-9;

// Between neighbours of ascending values, by a straight line.
double Quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  if (below + 1 == sorted.size()) return sorted.back();
  const double part = place - static_cast<double>(below);
  return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

double MeanDistance(std::span<const TokenShift> shifts) {
  double sum = 0;
  for (const TokenShift& shift : shifts) sum += shift.distance;
  return sum / static_cast<double>(shifts.size());
}

bool IsFinite(const TokenShift& shift) {
  return std::isfinite(shift.norm) && std::isfinite(shift.distance) &&
         std::isfinite(shift.change) && std::isfinite(shift.inside);
}

}  // namespace

absl::StatusOr<ComponentCount> CountComponents(const SubspaceSize& size,
                                               std::span<const double> variances, int64_t tokens) {
  // n tokens span n - 1 directions around their mean, and one at least must be left.
  const int64_t most = std::min<int64_t>(tokens - 1, std::ssize(variances)) - 1;
  const std::string of = absl::StrCat(
      tokens, " tokens on which the signal acts, at a site of width ", variances.size());
  if (most < 1) return InvalidField("questions", of, "3 tokens and a width of 2, at least");
  const double all = std::accumulate(variances.begin(), variances.end(), 0.0);
  ComponentCount count;
  double explained = 0;
  if (size.components) {
    if (*size.components < 1 || *size.components > most) {
      return InvalidField("components", absl::StrCat(*size.components),
                          absl::StrCat("1 to ", most, " of ", of));
    }
    count.components = *size.components;
    explained = std::accumulate(variances.begin(), variances.begin() + count.components, 0.0);
  } else {
    while (count.components < most && explained < size.explained_share * all)
      explained += variances[count.components++];
    if (explained < size.explained_share * all) {
      return InvalidField("explained_share", absl::StrCat(size.explained_share),
                          absl::StrCat("what ", most, " components explain, of ", of));
    }
  }
  if (!(all - explained > kLeast * all)) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"NO_VARIANCE", "questions",
                       absl::StrCat(of, ", which do not vary beside ", count.components,
                                    count.components == 1 ? " component" : " components"),
                       "more and other questions, or fewer components"});
  }
  count.explained_share = explained / all;
  return count;
}

Spread SpreadOf(std::vector<double> values) {
  Spread spread;
  spread.mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  std::sort(values.begin(), values.end());
  spread.low = Quantile(values, kTail);
  spread.median = Quantile(values, 0.5);
  spread.high = Quantile(values, 1 - kTail);
  return spread;
}

absl::StatusOr<ManifoldPoint> MakeManifoldPoint(double multiplier,
                                                std::span<const TokenShift> shifts,
                                                std::span<const TokenShift> plain) {
  std::vector<double> ratios, distances;
  double changes = 0, squares = 0, inside = 0;
  for (size_t i = 0; i < shifts.size(); ++i) {
    if (!IsFinite(shifts[i]) || !IsFinite(plain[i]) || !(plain[i].norm > 0)) {
      return FieldError(absl::StatusCode::kOutOfRange,
                        {"NOT_FINITE", "multipliers",
                         absl::StrCat(multiplier, ", at which an activation has no finite norm"),
                         "multipliers at which the model still computes finite numbers"});
    }
    ratios.push_back(shifts[i].norm / plain[i].norm);
    distances.push_back(shifts[i].distance);
    changes += shifts[i].change;
    squares += shifts[i].change * shifts[i].change;
    inside += shifts[i].inside * shifts[i].inside;
  }
  ManifoldPoint point;
  point.multiplier = multiplier;
  point.norm_ratio = SpreadOf(std::move(ratios));
  point.distance = SpreadOf(std::move(distances));
  point.distance_ratio = point.distance.mean / MeanDistance(plain);
  point.change = changes / static_cast<double>(shifts.size());
  if (squares > 0) point.change_inside = inside / squares;
  return point;
}

std::optional<double> ValidityAt(const CurveFit& fit, double multiplier) {
  if (!fit.curve || multiplier < fit.curve->lowest_multiplier ||
      multiplier > fit.curve->highest_multiplier) {
    return std::nullopt;
  }
  return fit.curve->decay.At(multiplier);
}

}  // namespace steer

#include "core/analysis/dose_curve.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

std::optional<double> ValueOf(const ScoredPair& pair, Quantity quantity, LossMode mode) {
  const PairOdds& odds = mode == LossMode::kSum ? pair.sum : pair.mean;
  return quantity == Quantity::kPreference ? odds.preference : odds.utility;
}

absl::StatusOr<DoseCurve> MakeCurve(const std::vector<ScorePoint>& points, Quantity quantity,
                                    LossMode mode) {
  STEER_ASSIGN_OR_RETURN(const PairValues unsorted, ValuesOf(points, quantity, mode));
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return points[a].multiplier < points[b].multiplier; });
  DoseCurve curve{.dropped_pairs = unsorted.dropped_pairs};
  for (const size_t i : order) curve.multipliers.push_back(points[i].multiplier);
  for (const std::vector<double>& values : unsorted.values) {
    std::vector<double>& sorted = curve.values.emplace_back();
    for (const size_t i : order) sorted.push_back(values[i]);
  }
  STEER_RETURN_IF_ERROR(ValidateDoseCurve(curve));
  return curve;
}

}  // namespace

absl::Status ValidateDoseCurve(const DoseCurve& curve) {
  for (size_t i = 0; i < curve.multipliers.size(); ++i) {
    const double multiplier = curve.multipliers[i];
    if (!std::isfinite(multiplier) || (i > 0 && multiplier <= curve.multipliers[i - 1])) {
      return InvalidField(absl::StrCat("multipliers[", i, "]"), absl::StrCat(multiplier),
                          "finite, ascending, each once");
    }
  }
  if (curve.values.empty()) return InvalidField("values", "0 pairs", "at least one pair");
  for (size_t pair = 0; pair < curve.values.size(); ++pair) {
    const std::vector<double>& values = curve.values[pair];
    if (values.size() != curve.multipliers.size()) {
      return InvalidField(absl::StrCat("values[", pair, "]"),
                          absl::StrCat(values.size(), " values"),
                          absl::StrCat("one per multiplier, ", curve.multipliers.size()));
    }
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) continue;
      return InvalidField(absl::StrCat("values[", pair, "][", i, "]"), absl::StrCat(values[i]),
                          "a finite number");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PairValues> ValuesOf(const std::vector<ScorePoint>& points, Quantity quantity,
                                    LossMode mode) {
  const size_t pairs = points.empty() ? 0 : points.front().pairs.size();
  for (size_t i = 0; i < points.size(); ++i) {
    if (points[i].pairs.size() == pairs) continue;
    return InvalidField(
        absl::StrCat("points[", i, "].pairs"), absl::StrCat(points[i].pairs.size()),
        absl::StrCat("the same pairs at every multiplier, ", pairs, " as at the first"));
  }
  PairValues all;
  for (size_t pair = 0; pair < pairs; ++pair) {
    std::vector<double> values;
    for (const ScorePoint& point : points) {
      const std::optional<double> value = ValueOf(point.pairs[pair], quantity, mode);
      if (!value) break;
      values.push_back(*value);
    }
    if (values.size() == points.size()) {
      all.values.push_back(std::move(values));
    } else {
      ++all.dropped_pairs;
    }
  }
  if (!all.values.empty() || all.dropped_pairs == 0) return all;
  return FieldError(
      absl::StatusCode::kFailedPrecondition,
      {"NO_DEFINED_PAIR", "points", absl::StrCat("0 of ", pairs, " pairs defined throughout"),
       "at least one pair whose utility is defined at every multiplier"});
}

std::vector<double> MeanOverPairs(const std::vector<std::vector<double>>& values) {
  std::vector<double> means(values.front().size());
  for (const std::vector<double>& pair : values) {
    for (size_t i = 0; i < means.size(); ++i) means[i] += pair[i];
  }
  for (double& mean : means) mean /= static_cast<double>(values.size());
  return means;
}

std::vector<double> MeanOverPairs(const DoseCurve& curve) { return MeanOverPairs(curve.values); }

absl::StatusOr<DoseCurve> PreferenceCurve(const std::vector<ScorePoint>& points, LossMode mode) {
  return MakeCurve(points, Quantity::kPreference, mode);
}

absl::StatusOr<DoseCurve> UtilityCurve(const std::vector<ScorePoint>& points, LossMode mode) {
  return MakeCurve(points, Quantity::kUtility, mode);
}

}  // namespace steer

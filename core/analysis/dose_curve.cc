#include "core/analysis/dose_curve.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

absl::StatusOr<std::vector<const ScorePoint*>> ByMultiplier(const std::vector<ScorePoint>& points) {
  std::vector<const ScorePoint*> sorted;
  sorted.reserve(points.size());
  for (const ScorePoint& point : points) {
    if (point.pairs.size() != points.front().pairs.size()) {
      return InvalidField(absl::StrCat("points[", sorted.size(), "].pairs"),
                          absl::StrCat(point.pairs.size()),
                          absl::StrCat("the same pairs at every multiplier, ",
                                       points.front().pairs.size(), " as at the first"));
    }
    sorted.push_back(&point);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const ScorePoint* a, const ScorePoint* b) { return a->multiplier < b->multiplier; });
  return sorted;
}

// `value_of` answers nullopt where the pair has no value.
template <typename ValueOf>
absl::StatusOr<DoseCurve> MakeCurve(const std::vector<ScorePoint>& points, ValueOf value_of) {
  STEER_ASSIGN_OR_RETURN(const std::vector<const ScorePoint*> sorted, ByMultiplier(points));
  DoseCurve curve;
  for (const ScorePoint* point : sorted) curve.multipliers.push_back(point->multiplier);
  const size_t pairs = sorted.empty() ? 0 : sorted.front()->pairs.size();
  for (size_t pair = 0; pair < pairs; ++pair) {
    std::vector<double> values;
    for (const ScorePoint* point : sorted) {
      const std::optional<double> value = value_of(point->pairs[pair]);
      if (!value) break;
      values.push_back(*value);
    }
    if (values.size() == sorted.size()) {
      curve.values.push_back(std::move(values));
    } else {
      ++curve.dropped_pairs;
    }
  }
  if (curve.values.empty() && curve.dropped_pairs > 0) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"NO_DEFINED_PAIR", "points", absl::StrCat("0 of ", pairs, " pairs defined throughout"),
         "at least one pair whose utility is defined at every multiplier"});
  }
  STEER_RETURN_IF_ERROR(ValidateDoseCurve(curve));
  return curve;
}

const PairOdds& OddsOf(const ScoredPair& pair, LossMode mode) {
  return mode == LossMode::kSum ? pair.sum : pair.mean;
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

std::vector<double> MeanOverPairs(const DoseCurve& curve) {
  std::vector<double> means(curve.multipliers.size());
  for (size_t i = 0; i < means.size(); ++i) {
    for (const std::vector<double>& values : curve.values) means[i] += values[i];
    means[i] /= static_cast<double>(curve.values.size());
  }
  return means;
}

absl::StatusOr<DoseCurve> PreferenceCurve(const std::vector<ScorePoint>& points, LossMode mode) {
  return MakeCurve(points, [mode](const ScoredPair& pair) {
    return std::optional<double>(OddsOf(pair, mode).preference);
  });
}

absl::StatusOr<DoseCurve> UtilityCurve(const std::vector<ScorePoint>& points, LossMode mode) {
  return MakeCurve(points, [mode](const ScoredPair& pair) { return OddsOf(pair, mode).utility; });
}

}  // namespace steer

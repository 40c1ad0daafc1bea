#include "core/analysis/recommend.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/analysis/predict.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr int kSteps = 2000;  // of the whole range, beside the knots
// Each zoom divides the step by 50: four bring it below 1e-10 of the range.
constexpr int kZooms = 4;
constexpr int kZoomSteps = 100;

// What a prediction is judged by, the first that differs decides: how far it is from meeting the
// demand, what is minimised, the distance from 0.
using Rank = std::array<double, 3>;

// The least rank over the range: on an even grid and the knots, then on ever finer grids around the
// best. Works for extremes inside, corners of a piecewise linear curve and the edge of a demand.
template <typename RankOf>
Prediction Search(const Predictor& predictor, RankOf rank_of) {
  const MeasuredRange& range = predictor.curves().range();
  Prediction best = predictor.At(0);
  Rank least = rank_of(best);
  const auto consider = [&](double multiplier) {
    const Prediction prediction = predictor.At(std::clamp(multiplier, range.low, range.high));
    const Rank rank = rank_of(prediction);
    if (!(rank < least)) return;
    least = rank;
    best = prediction;
  };
  for (const double knot : predictor.curves().Knots()) consider(knot);
  double step = (range.high - range.low) / kSteps;
  for (int i = 0; i <= kSteps; ++i) consider(range.low + i * step);
  for (int zoom = 0; zoom < kZooms; ++zoom) {
    const double low = best.multiplier - step;
    step = 2 * step / kZoomSteps;
    for (int i = 0; i <= kZoomSteps; ++i) consider(low + i * step);
  }
  return best;
}

absl::Status CheckFinite(absl::string_view field, double value) {
  if (std::isfinite(value)) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(value), "a finite number of nats");
}

// `excess` is how far a prediction is from meeting the demand (<= 0: it meets it), `cost` what is
// minimised among those that do.
template <typename Excess, typename Cost>
absl::StatusOr<Recommendation> Recommend(const SignalCurves& curves, Direction direction,
                                         Excess excess, Cost cost) {
  STEER_ASSIGN_OR_RETURN(const RangedCurves ranged, RangedCurves::Create(curves));
  const Predictor predictor(ranged, direction);
  const Prediction best = Search(predictor, [&](const Prediction& prediction) {
    return Rank{std::max(0.0, excess(prediction)), cost(prediction),
                std::abs(prediction.multiplier)};
  });
  return predictor.Recommend(best, excess(best) <= 0);
}

}  // namespace

absl::StatusOr<Recommendation> RecommendWithinBudget(const SignalCurves& curves, double max_loss,
                                                     Direction direction) {
  STEER_RETURN_IF_ERROR(CheckFinite("max_loss", max_loss));
  return Recommend(
      curves, direction, [&](const Prediction& at) { return at.utility_loss - max_loss; },
      [](const Prediction& at) { return -at.preference_gain; });
}

absl::StatusOr<Recommendation> RecommendForGain(const SignalCurves& curves, double min_gain,
                                                Direction direction) {
  STEER_RETURN_IF_ERROR(CheckFinite("min_gain", min_gain));
  return Recommend(
      curves, direction, [&](const Prediction& at) { return min_gain - at.preference_gain; },
      [](const Prediction& at) { return at.utility_loss; });
}

absl::StatusOr<Prediction> PredictAt(const SignalCurves& curves, double multiplier,
                                     Direction direction) {
  STEER_ASSIGN_OR_RETURN(const RangedCurves ranged, RangedCurves::Create(curves));
  const MeasuredRange& range = ranged.range();
  return Predictor(ranged, direction).At(std::clamp(multiplier, range.low, range.high));
}

}  // namespace steer

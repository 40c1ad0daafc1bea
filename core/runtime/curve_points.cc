#include "core/runtime/curve_points.h"

#include <utility>

namespace steer {

std::vector<ScorePoint> PointsOf(const CurveRecord& curve) {
  std::vector<ScorePoint> points;
  auto losses = curve.losses.begin();
  const std::vector<double> alone = {0};
  for (const double multiplier : curve.multipliers) {
    for (const double second : curve.second ? curve.second->multipliers : alone) {
      std::vector<ScoredPair> pairs;
      for (int i = 0; i < curve.pairs; ++i, ++losses) {
        pairs.push_back({.sum = ComputeOdds(losses->positive_sum, losses->negative_sum),
                         .mean = ComputeOdds(losses->positive_mean, losses->negative_mean)});
      }
      points.push_back(MakeScorePoint(multiplier, std::move(pairs)));
      points.back().second_multiplier = second;
    }
  }
  return points;
}

void KeepPoints(const std::vector<ScorePoint>& points, CurveRecord& curve) {
  for (const ScorePoint& point : points) {
    if (!curve.second) curve.multipliers.push_back(point.multiplier);
    for (const ScoredPair& pair : point.pairs) {
      curve.losses.push_back({.positive_sum = pair.sum.positive_loss,
                              .negative_sum = pair.sum.negative_loss,
                              .positive_mean = pair.mean.positive_loss,
                              .negative_mean = pair.mean.negative_loss});
    }
  }
}

}  // namespace steer

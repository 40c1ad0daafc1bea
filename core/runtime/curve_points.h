#pragma once

#include <vector>

#include "core/analysis/preference_utility_scorer.h"
#include "core/store/signal_store.h"

namespace steer {

// The measured points of a curve, as the store keeps them and as the analysis takes them: the
// losses are kept, odds and means follow from them. Token counts and flags of pairs are not kept.
// Of two signals together: first-major.
std::vector<ScorePoint> PointsOf(const CurveRecord& curve);
// `points` of one signal ascend; those of two are the product of the curve's multipliers, which are
// there already. All have as many pairs as the curve.
void KeepPoints(const std::vector<ScorePoint>& points, CurveRecord& curve);

}  // namespace steer

#pragma once

#include "core/analysis/recommend.h"

namespace steer {

// The inside of recommend: one signal's curves as gains and losses against m = 0. Refers to
// `curves`, which must outlive it. Immutable.
class Predictor {
 public:
  Predictor(const RangedCurves& curves, Direction direction)
      : curves_(curves),
        sign_(direction == Direction::kMorePreference ? 1 : -1),
        preference_at_zero_(curves.Preference(0)),
        utility_at_zero_(curves.Utility(0)) {}

  Prediction At(double multiplier) const {
    Prediction at{.multiplier = multiplier,
                  .preference = curves_.Preference(multiplier),
                  .utility = curves_.Utility(multiplier)};
    at.preference_gain = sign_ * (at.preference - preference_at_zero_);
    at.utility_loss = utility_at_zero_ - at.utility;
    return at;
  }

  Recommendation Recommend(const Prediction& prediction, bool feasible) const {
    return {.feasible = feasible,
            .prediction = prediction,
            .source = curves_.source(),
            .source_reason = curves_.source_reason(),
            .searched = curves_.range()};
  }

  const RangedCurves& curves() const { return curves_; }

 private:
  const RangedCurves& curves_;
  const double sign_;
  const double preference_at_zero_;
  const double utility_at_zero_;
};

}  // namespace steer

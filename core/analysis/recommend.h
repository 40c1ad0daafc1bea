#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/measured_range.h"

namespace steer {

// Which way preference is wanted to move. Either way both sides of 0 are searched: a signal learned
// the wrong way round is served by a negative multiplier.
enum class Direction { kMorePreference, kLessPreference };

// What one multiplier is predicted to do. gain = P(m) - P(0), or P(0) - P(m) for kLessPreference;
// loss = U(0) - U(m) in MEAN nats, negative where utility rises (m = 0 need not be its optimum).
struct Prediction {
  double multiplier = 0;
  double preference = 0;
  double preference_gain = 0;
  double utility = 0;
  double utility_loss = 0;
};

struct Recommendation {
  // False if nothing in the range meets the demand: `prediction` then comes nearest to it.
  bool feasible = false;
  Prediction prediction;
  CurveSource source = CurveSource::kFit;
  std::string source_reason;  // why not the fits; empty if the fits
  MeasuredRange searched;
};

// The multiplier with the greatest gain among those that lose at most `max_loss`; of equals the one
// nearest to 0. A negative budget demands that utility rise. Errors: RangedCurves::Create's, and
// INVALID_ARGUMENT for a budget that is not finite. Pure, about a millisecond.
absl::StatusOr<Recommendation> RecommendWithinBudget(const SignalCurves& curves, double max_loss,
                                                     Direction direction);

// The multiplier with the least loss among those that gain at least `min_gain`. Not always the
// smallest that does: utility may be better farther out.
absl::StatusOr<Recommendation> RecommendForGain(const SignalCurves& curves, double min_gain,
                                                Direction direction);

// What the same curves say of a multiplier, 0 and any in the searched range; beyond it, of the
// range's end. Errors as above.
absl::StatusOr<Prediction> PredictAt(const SignalCurves& curves, double multiplier,
                                     Direction direction);

struct JointSignal {
  SignalCurves curves;
  Direction direction = Direction::kMorePreference;
};

struct JointRecommendation {
  bool feasible = false;                // false: the choice with the least total loss
  std::vector<Recommendation> signals;  // parallel to the input
  double total_gain = 0;
  // The sum of losses that were measured one signal at a time. Signals in one place interact: score
  // the combination before believing it.
  double total_loss_assumed_additive = 0;
};

// Multipliers of several signals with the greatest summed gain among those whose summed loss is at
// most `max_loss`. Each signal is tried at 400 equal steps and its knots; the undominated (loss,
// gain) choices of the signals are merged one signal after another, and where more than 2000 are
// left, the best of each of 2000 equal steps of loss is kept. So the budget is kept exactly, and
// the gain is at least the best of a budget smaller by such a step per signal, on that grid. About
// a tenth of a second a signal. INVALID_ARGUMENT for no signal.
absl::StatusOr<JointRecommendation> RecommendJointly(const std::vector<JointSignal>& signals,
                                                     double max_loss);

}  // namespace steer

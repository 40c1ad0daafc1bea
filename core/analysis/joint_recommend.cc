#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/analysis/predict.h"
#include "core/analysis/recommend.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr int kSteps = 400;
constexpr size_t kMaxFront = 2000;

// One undominated choice for the signals up to some signal: no other loses less and gains as much.
struct Choice {
  double loss = 0;
  double gain = 0;
  size_t before = 0;  // its choice for the signals before, in their front
  double multiplier = 0;
};
using Front = std::vector<Choice>;  // loss and gain both strictly ascend

void KeepUndominated(Front& choices) {
  std::sort(choices.begin(), choices.end(), [](const Choice& a, const Choice& b) {
    if (a.loss != b.loss) return a.loss < b.loss;
    if (a.gain != b.gain) return a.gain > b.gain;
    return std::abs(a.multiplier) < std::abs(b.multiplier);
  });
  size_t kept = 0;
  for (const Choice& choice : choices) {
    if (kept == 0 || choice.gain > choices[kept - 1].gain) choices[kept++] = choice;
  }
  choices.resize(kept);
  if (kept <= kMaxFront) return;
  // The last of a step gains most; the very first, which loses least, stays besides.
  const double step = (choices.back().loss - choices.front().loss) / kMaxFront;
  const auto bucket = [&](const Choice& choice) {
    return std::floor((choice.loss - choices.front().loss) / step);
  };
  Front thinned = {choices.front()};
  for (size_t i = 1; i < kept; ++i) {
    if (i + 1 == kept || bucket(choices[i]) != bucket(choices[i + 1])) {
      thinned.push_back(choices[i]);
    }
  }
  choices = std::move(thinned);
}

Front FrontOf(const Predictor& predictor) {
  const MeasuredRange& range = predictor.curves().range();
  std::vector<double> multipliers = predictor.curves().Knots();
  for (int i = 0; i <= kSteps; ++i) {
    multipliers.push_back(std::min(range.high, range.low + (range.high - range.low) * i / kSteps));
  }
  Front front;
  for (const double multiplier : multipliers) {
    const Prediction at = predictor.At(multiplier);
    front.push_back(
        {.loss = at.utility_loss, .gain = at.preference_gain, .multiplier = multiplier});
  }
  KeepUndominated(front);
  return front;
}

Front Merge(const Front& before, const Front& signal) {
  Front merged;
  merged.reserve(before.size() * signal.size());
  for (size_t i = 0; i < before.size(); ++i) {
    for (const Choice& choice : signal) {
      merged.push_back({.loss = before[i].loss + choice.loss,
                        .gain = before[i].gain + choice.gain,
                        .before = i,
                        .multiplier = choice.multiplier});
    }
  }
  KeepUndominated(merged);
  return merged;
}

}  // namespace

absl::StatusOr<JointRecommendation> RecommendJointly(const std::vector<JointSignal>& signals,
                                                     double max_loss) {
  if (signals.empty()) return InvalidField("signals", "0", "at least one");
  if (!std::isfinite(max_loss)) {
    return InvalidField("max_loss", absl::StrCat(max_loss), "a finite number of nats");
  }
  std::vector<RangedCurves> ranged;
  for (size_t i = 0; i < signals.size(); ++i) {
    absl::StatusOr<RangedCurves> curves = RangedCurves::Create(signals[i].curves);
    if (!curves.ok()) return Annotate(curves.status(), absl::StrCat("signals[", i, "]"));
    ranged.push_back(*std::move(curves));
  }
  std::vector<Predictor> predictors;
  std::vector<Front> fronts;  // [i]: the choices for signals 0 to i
  for (size_t i = 0; i < signals.size(); ++i) {
    predictors.emplace_back(ranged[i], signals[i].direction);
    Front front = FrontOf(predictors[i]);
    fronts.push_back(i == 0 ? std::move(front) : Merge(fronts.back(), front));
  }
  // Gain ascends with loss, so the best is the last within the budget.
  const Front& front = fronts.back();
  const auto beyond =
      std::upper_bound(front.begin(), front.end(), max_loss,
                       [](double budget, const Choice& choice) { return budget < choice.loss; });
  const Choice* choice = beyond == front.begin() ? &front.front() : &*(beyond - 1);
  JointRecommendation joint{.feasible = choice->loss <= max_loss,
                            .total_gain = choice->gain,
                            .total_loss_assumed_additive = choice->loss};
  joint.signals.resize(signals.size());
  for (size_t i = signals.size(); i-- > 0;) {
    joint.signals[i] =
        predictors[i].Recommend(predictors[i].At(choice->multiplier), joint.feasible);
    if (i > 0) choice = &fronts[i - 1][choice->before];
  }
  return joint;
}

}  // namespace steer

#include "core/analysis/recommend.h"

#include <cmath>
#include <limits>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/analysis/planted_curve.h"

namespace steer {
namespace {

using testing::HasSubstr;

// Few points, no fit: preference 1 per unit of m, utility 6 - |m|/2 unless changed.
SignalCurves Points(double low, double high) {
  SignalCurves curves;
  for (double m = low; m <= high; ++m) curves.points.push_back({m, m, 6 - std::abs(m) / 2});
  return curves;
}

MeasuredPoint& At(SignalCurves& curves, double multiplier) {
  for (MeasuredPoint& point : curves.points) {
    if (point.multiplier == multiplier) return point;
  }
  ADD_FAILURE() << "no point at " << multiplier;
  return curves.points.front();
}

// Fitted curves: preference 2 m D + 1, utility 5 D - 1, one half at m = ±4.
SignalCurves Fitted() {
  const DecaySide preference{.peak = 0, .width = 100, .tail = 1};
  const DecaySide utility{.peak = 0, .width = 16, .tail = 1};
  const FittedCurve p{.alpha = 2, .b = 1, .decay = {preference, preference}};
  const FittedCurve u{.beta = 5, .b = -1, .decay = {utility, utility}};
  SignalCurves curves{.preference = *FitPreference(OnePair(p, Grid(9, 9))),
                      .utility = *FitUtility(OnePair(u, Grid(9, 9)))};
  for (const double m : Grid(9, 9)) curves.points.push_back({m, *p.At(m), *u.At(m)});
  return curves;
}

TEST(RecommendTest, PointsGiveTheHandComputedAnswer) {
  const auto found = RecommendWithinBudget(Points(-2, 2), 0.75, Direction::kMorePreference);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->feasible);
  EXPECT_NEAR(found->prediction.multiplier, 1, 1e-9);  // the half point, midway down to 5
  EXPECT_EQ(found->searched.high_end, RangeEnd::kHalfValidity);
  const auto within = RecommendWithinBudget(Points(-2, 2), 0.3, Direction::kMorePreference);
  EXPECT_NEAR(within->prediction.multiplier, 0.6, 1e-9);
  EXPECT_NEAR(within->prediction.preference, 0.6, 1e-9);
  EXPECT_NEAR(within->prediction.preference_gain, 0.6, 1e-9);
  EXPECT_NEAR(within->prediction.utility, 5.7, 1e-9);
  EXPECT_NEAR(within->prediction.utility_loss, 0.3, 1e-9);
  EXPECT_LE(within->prediction.utility_loss, 0.3);
  EXPECT_EQ(within->source, CurveSource::kPoints);
  EXPECT_THAT(within->source_reason, HasSubstr("no fit of preference"));
  const auto less = RecommendWithinBudget(Points(-2, 2), 0.3, Direction::kLessPreference);
  EXPECT_NEAR(less->prediction.multiplier, -0.6, 1e-9);
  EXPECT_NEAR(less->prediction.preference_gain, 0.6, 1e-9);
}

TEST(RecommendTest, LeastLossForAGain) {
  const auto found = RecommendForGain(Points(-2, 2), 0.4, Direction::kMorePreference);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->feasible);
  EXPECT_NEAR(found->prediction.multiplier, 0.4, 1e-9);
  EXPECT_NEAR(found->prediction.utility_loss, 0.2, 1e-9);
}

TEST(RecommendTest, TrustedFitsAreUsed) {
  const auto found = RecommendWithinBudget(Fitted(), 1, Direction::kMorePreference);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->source, CurveSource::kFit);
  EXPECT_EQ(found->source_reason, "");
  // 5 (1 - 1 / (1 + m² / 16)) = 1 at m = 2, between no two measured values of the straight line.
  EXPECT_NEAR(found->prediction.multiplier, 2, 1e-3);
  EXPECT_NEAR(found->prediction.preference_gain, 4 / 1.04, 1e-3);
  // Without limit the search ends where validity is one half, though preference grows until m = 10.
  const auto greedy = RecommendWithinBudget(Fitted(), 100, Direction::kMorePreference);
  EXPECT_NEAR(greedy->prediction.multiplier, 4, 1e-3);
  EXPECT_EQ(greedy->searched.high_end, RangeEnd::kHalfValidity);
  EXPECT_EQ(greedy->searched.low_end, RangeEnd::kHalfValidity);
  EXPECT_NEAR(greedy->searched.low, -4, 1e-3);
}

TEST(RecommendTest, AnUntrustedFitGivesWayToThePoints) {
  SignalCurves curves = Fitted();
  curves.preference.r_squared = 0.94;
  const auto found = RecommendWithinBudget(curves, 1, Direction::kMorePreference);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->source, CurveSource::kPoints);
  EXPECT_THAT(found->source_reason, HasSubstr("R² of the preference fit is 0.94"));
  // The half point is still the utility fit's own.
  EXPECT_NEAR(found->searched.high, 4, 1e-3);
  EXPECT_NEAR(found->prediction.multiplier, 2, 1e-9);  // measured: loss 1 exactly
  curves = Fitted();
  curves.utility.r_squared.reset();
  curves.utility.curve.reset();
  curves.utility.reason = "flat";
  const auto other = RecommendWithinBudget(curves, 1, Direction::kMorePreference);
  EXPECT_THAT(other->source_reason, HasSubstr("no fit of utility: flat"));
}

TEST(RecommendTest, AGapEndsTheSearch) {
  SignalCurves curves = Points(-5, 5);
  for (MeasuredPoint& point : curves.points) point.utility = 6;  // nothing else limits
  At(curves, 3).utility.reset();
  At(curves, -2).preference.reset();
  const auto found = RecommendWithinBudget(curves, 1, Direction::kMorePreference);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->prediction.multiplier, 2);
  EXPECT_EQ(found->searched.low, -1);
  EXPECT_EQ(found->searched.high, 2);
  EXPECT_EQ(found->searched.low_end, RangeEnd::kGap);
  EXPECT_EQ(found->searched.high_end, RangeEnd::kGap);
}

TEST(RecommendTest, HalfValidityIsReadOffThePointsWithoutAFit) {
  SignalCurves curves = Points(0, 6);
  const double utility[] = {5, 5.5, 5, 3, 1.5, 1.5, 1.5};  // middle 3.5, crossed at m = 2.75
  for (int i = 0; i < 7; ++i) curves.points[i].utility = utility[i];
  const auto found = RecommendWithinBudget(curves, 100, Direction::kMorePreference);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_NEAR(found->searched.high, 2.75, 1e-9);
  EXPECT_EQ(found->searched.high_end, RangeEnd::kHalfValidity);
  EXPECT_EQ(found->searched.low, 0);
  EXPECT_EQ(found->searched.low_end, RangeEnd::kLastMeasured);
  for (int i = 0; i < 7; ++i) curves.points[i].utility = 5 + 0.01 * utility[i];  // no collapse
  const auto calm = RecommendWithinBudget(curves, 100, Direction::kMorePreference);
  EXPECT_EQ(calm->prediction.multiplier, 6);
}

TEST(RecommendTest, InfeasibleSaysTheBestThereIs) {
  const auto gain = RecommendForGain(Points(-2, 2), 5, Direction::kMorePreference);
  ASSERT_TRUE(gain.ok()) << gain.status();
  EXPECT_FALSE(gain->feasible);
  EXPECT_NEAR(gain->prediction.preference_gain, 1, 1e-9);  // the range ends at 1
  const auto budget = RecommendWithinBudget(Points(-2, 2), -1, Direction::kMorePreference);
  ASSERT_TRUE(budget.ok()) << budget.status();
  EXPECT_FALSE(budget->feasible);
  EXPECT_EQ(budget->prediction.multiplier, 0);
}

// Utility rises at first (m = 0 need not be its optimum): a loss below 0 keeps any budget.
TEST(RecommendTest, ALossMayBeNegative) {
  SignalCurves curves = Points(0, 4);
  const double utility[] = {5, 5.4, 5.8, 5.4, 5};
  for (int i = 0; i < 5; ++i) curves.points[i].utility = utility[i];
  const auto none = RecommendWithinBudget(curves, 0, Direction::kMorePreference);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->feasible);
  EXPECT_NEAR(none->prediction.multiplier, 3, 1e-9);  // falls through the middle, 5.4, there
  EXPECT_NEAR(none->prediction.utility_loss, -0.4, 1e-9);
  // A demand already met at 0 still takes the better utility.
  const auto met = RecommendForGain(curves, -1, Direction::kMorePreference);
  EXPECT_TRUE(met->feasible);
  EXPECT_NEAR(met->prediction.multiplier, 2, 1e-9);
  EXPECT_NEAR(met->prediction.utility_loss, -0.8, 1e-9);
  const auto rise = RecommendWithinBudget(curves, -0.6, Direction::kMorePreference);
  EXPECT_TRUE(rise->feasible);
  EXPECT_NEAR(rise->prediction.multiplier, 2.5, 1e-9);
}

TEST(RecommendTest, OfEqualsTheNearestToZero) {
  SignalCurves curves = Points(-4, 4);
  for (MeasuredPoint& point : curves.points) {
    point.preference = std::min(1.0, *point.preference);
    point.utility = 6;
  }
  const auto found = RecommendWithinBudget(curves, 1, Direction::kMorePreference);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->prediction.multiplier, 1);
}

TEST(RecommendTest, NeedsZeroOrBothItsNeighbours) {
  const auto code = [](const SignalCurves& curves) {
    return RecommendWithinBudget(curves, 1, Direction::kMorePreference).status().code();
  };
  constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
  EXPECT_EQ(code(Points(1, 5)), kPrecondition);
  EXPECT_EQ(code(Points(-5, -1)), kPrecondition);
  EXPECT_EQ(code(SignalCurves{}), kPrecondition);
  EXPECT_EQ(code(Points(-2.5, 2.5)), absl::StatusCode::kOk);
  SignalCurves hole = Points(-2, 2);
  At(hole, 0).utility.reset();
  EXPECT_EQ(code(hole), kPrecondition);
  SignalCurves beside = Points(-2.5, 2.5);
  At(beside, 0.5).preference.reset();
  EXPECT_EQ(code(beside), kPrecondition);
}

TEST(RecommendTest, RefusesWhatIsNoNumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kMore = Direction::kMorePreference;
  EXPECT_EQ(RecommendWithinBudget(Points(-1, 1), nan, kMore).status().code(), kInvalid);
  EXPECT_EQ(RecommendForGain(Points(-1, 1), INFINITY, kMore).status().code(), kInvalid);
  SignalCurves broken = Points(-1, 1);
  broken.points[0].utility = nan;
  EXPECT_EQ(RecommendForGain(broken, 1, kMore).status().code(), kInvalid);
  SignalCurves twice = Points(-1, 1);
  twice.points.push_back(twice.points[0]);
  EXPECT_EQ(RecommendForGain(twice, 1, kMore).status().code(), kInvalid);
}

// The brute force over the fitted curves, on random curves, budgets and directions.
TEST(RecommendTest, NoMultiplierInTheRangeIsBetter) {
  std::mt19937_64 random(41);
  int feasible = 0;
  for (int i = 0; i < 30; ++i) {
    const Peaks peaks = static_cast<Peaks>(i % 4);
    const FittedCurve p = PlantedCurve(CurveLaw::kPreference, peaks, 5, random);
    const FittedCurve u = PlantedCurve(CurveLaw::kUtility, peaks, 5, random);
    SignalCurves curves{.preference = *FitPreference(OnePair(p, Grid(5, 10))),
                        .utility = *FitUtility(OnePair(u, Grid(5, 10)))};
    for (const double m : Grid(5, 10)) curves.points.push_back({m, *p.At(m), *u.At(m)});
    const double budget = Draw(random, -0.2, 1.5);
    const auto found = RecommendWithinBudget(curves, budget, Direction::kLessPreference);
    ASSERT_TRUE(found.ok()) << found.status();
    feasible += found->feasible ? 1 : 0;
    if (found->feasible) {
      EXPECT_LE(found->prediction.utility_loss, budget);
    }
    const double width = found->searched.high - found->searched.low;
    for (int step = 0; step <= 5000; ++step) {
      const double m = found->searched.low + width * step / 5000;
      const double loss = *curves.utility.curve->At(0) - *curves.utility.curve->At(m);
      const double gain = *curves.preference.curve->At(0) - *curves.preference.curve->At(m);
      if (loss > budget) continue;
      EXPECT_TRUE(found->feasible) << m;
      EXPECT_LE(gain, found->prediction.preference_gain + 1e-6) << m;
    }
  }
  EXPECT_GT(feasible, 15);
}

TEST(RecommendJointlyTest, SpendsTheBudgetWhereItBuysMost) {
  // Utility falls by half a nat per unit of m for all; preference by 1 and by 3.
  JointSignal weak{.curves = Points(-4, 4)}, strong{.curves = Points(-4, 4)};
  for (MeasuredPoint& point : strong.curves.points) *point.preference *= 3;
  strong.direction = Direction::kLessPreference;
  const auto joint = RecommendJointly({weak, strong}, 1.5);
  ASSERT_TRUE(joint.ok()) << joint.status();
  EXPECT_TRUE(joint->feasible);
  // The strong one up to its half-validity point, m = -2, loss 1; the rest goes to the weak one.
  EXPECT_NEAR(joint->signals[1].prediction.multiplier, -2, 0.02);
  EXPECT_NEAR(joint->signals[0].prediction.multiplier, 1, 0.02);
  EXPECT_LE(joint->total_loss_assumed_additive, 1.5);
  EXPECT_NEAR(joint->total_gain, 7, 0.05);
  double loss = 0, gain = 0;
  for (const Recommendation& signal : joint->signals) {
    loss += signal.prediction.utility_loss;
    gain += signal.prediction.preference_gain;
  }
  EXPECT_NEAR(joint->total_loss_assumed_additive, loss, 1e-12);
  EXPECT_NEAR(joint->total_gain, gain, 1e-12);
}

TEST(RecommendJointlyTest, OfOneSignalIsTheSingleAnswer) {
  const auto joint = RecommendJointly({{.curves = Fitted()}}, 1);
  const auto single = RecommendWithinBudget(Fitted(), 1, Direction::kMorePreference);
  ASSERT_TRUE(joint.ok() && single.ok());
  EXPECT_NEAR(joint->total_gain, single->prediction.preference_gain, 0.05);
  EXPECT_LE(joint->total_gain, single->prediction.preference_gain + 1e-9);
}

// Three signals: the fronts are thinned. A coarse brute force finds nothing better.
TEST(RecommendJointlyTest, NoChoiceOnACoarseGridIsBetter) {
  std::mt19937_64 random(42);
  std::vector<JointSignal> signals;
  std::vector<std::vector<std::pair<double, double>>> choices;  // loss, gain
  for (int i = 0; i < 3; ++i) {
    JointSignal signal{.curves = Points(0, 4)};
    for (MeasuredPoint& point : signal.curves.points) {
      point.preference = *point.preference * Draw(random, 0.8, 1.2);
      point.utility = 6 - std::pow(point.multiplier, 2) * Draw(random, 0.005, 0.006);
    }
    const auto ranged = RangedCurves::Create(signal.curves);
    std::vector<std::pair<double, double>> options;
    for (int step = 0; step <= 40; ++step) {
      const double m = ranged->range().high * step / 40;
      options.emplace_back(ranged->Utility(0) - ranged->Utility(m),
                           ranged->Preference(m) - ranged->Preference(0));
    }
    choices.push_back(std::move(options));
    signals.push_back(std::move(signal));
  }
  const double budget = 0.1;
  const auto joint = RecommendJointly(signals, budget);
  ASSERT_TRUE(joint.ok()) << joint.status();
  EXPECT_TRUE(joint->feasible);
  EXPECT_LE(joint->total_loss_assumed_additive, budget);
  for (const auto& a : choices[0]) {
    for (const auto& b : choices[1]) {
      for (const auto& c : choices[2]) {
        if (a.first + b.first + c.first > budget) continue;
        EXPECT_LE(a.second + b.second + c.second, joint->total_gain + 0.02);
      }
    }
  }
}

TEST(RecommendJointlyTest, InfeasibleIsTheLeastLoss) {
  const auto joint = RecommendJointly({{.curves = Points(-2, 2)}, {.curves = Points(-2, 2)}}, -1);
  ASSERT_TRUE(joint.ok()) << joint.status();
  EXPECT_FALSE(joint->feasible);
  EXPECT_EQ(joint->total_loss_assumed_additive, 0);
  EXPECT_EQ(joint->signals[0].prediction.multiplier, 0);
  EXPECT_EQ(RecommendJointly({}, 1).status().code(), absl::StatusCode::kInvalidArgument);
  const auto broken = RecommendJointly({{.curves = Points(-2, 2)}, {.curves = Points(1, 2)}}, 1);
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(broken.status().message()), HasSubstr("signals[1]"));
}

}  // namespace
}  // namespace steer

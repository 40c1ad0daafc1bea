#include "core/analysis/dose_curve.h"

#include <cmath>
#include <limits>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

ScorePoint Point(double multiplier, const std::vector<std::pair<double, double>>& losses) {
  ScorePoint point{.multiplier = multiplier};
  for (const auto& [positive, negative] : losses) {
    point.pairs.push_back({.sum = ComputeOdds(10 * positive, 10 * negative),
                           .mean = ComputeOdds(positive, negative)});
  }
  return point;
}

TEST(DoseCurveTest, SortsAndAveragesOverPairs) {
  const auto curve =
      PreferenceCurve({Point(2, {{1, 2}, {1, 4}}), Point(-1, {{2, 1}, {1, 1}})}, LossMode::kMean);
  ASSERT_TRUE(curve.ok()) << curve.status();
  EXPECT_THAT(curve->multipliers, testing::ElementsAre(-1, 2));
  EXPECT_THAT(MeanOverPairs(*curve), testing::ElementsAre(-0.5, 2));
  const auto sum =
      PreferenceCurve({Point(2, {{1, 2}, {1, 4}}), Point(-1, {{2, 1}, {1, 1}})}, LossMode::kSum);
  EXPECT_THAT(MeanOverPairs(*sum), testing::ElementsAre(-5, 20));
}

TEST(DoseCurveTest, UtilityKeepsOnlyPairsDefinedEverywhere) {
  // The second pair's masses exceed 1 at m = 1.
  const std::vector<ScorePoint> points = {Point(0, {{1, 1.2}, {2, 2}}),
                                          Point(1, {{1, 1.3}, {0.5, 0.6}})};
  const auto curve = UtilityCurve(points, LossMode::kMean);
  ASSERT_TRUE(curve.ok()) << curve.status();
  EXPECT_EQ(curve->dropped_pairs, 1);
  ASSERT_EQ(curve->values.size(), 1u);
  EXPECT_EQ(curve->values[0][0], *ComputeOdds(1, 1.2).utility);
  EXPECT_EQ(curve->values[0][1], *ComputeOdds(1, 1.3).utility);
}

TEST(DoseCurveTest, NoPairDefinedEverywhereIsAPrecondition) {
  const auto curve = UtilityCurve({Point(0, {{0.5, 0.6}}), Point(1, {{1, 2}})}, LossMode::kMean);
  EXPECT_EQ(curve.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(DetailOf(curve.status())->reason, "NO_DEFINED_PAIR");
}

TEST(DoseCurveTest, RefusesWhatIsNoCurve) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const auto field = [](const DoseCurve& curve) {
    const absl::Status status = ValidateDoseCurve(curve);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return status.ok() ? "" : DetailOf(status)->field;
  };
  EXPECT_TRUE(ValidateDoseCurve({{0, 1}, {{3, 4}}}).ok());
  EXPECT_EQ(field({{0, nan}, {{3, 4}}}), "multipliers[1]");
  EXPECT_EQ(field({{1, 0}, {{3, 4}}}), "multipliers[1]");
  EXPECT_EQ(field({{1, 1}, {{3, 4}}}), "multipliers[1]");
  EXPECT_EQ(field({{0, 1}, {{3, 4}, {3, inf}}}), "values[1][1]");
  EXPECT_EQ(field({{0, 1}, {{3, 4}, {nan, 3}}}), "values[1][0]");
  EXPECT_EQ(field({{0, 1}, {{3, 4}, {3}}}), "values[1]");
  EXPECT_EQ(field({{0, 1}, {}}), "values");
  EXPECT_EQ(PreferenceCurve({Point(0, {{1, 1}}), Point(1, {})}, LossMode::kSum).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace steer

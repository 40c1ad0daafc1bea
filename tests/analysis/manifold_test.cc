#include "core/analysis/manifold.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

std::string FieldOf(const absl::Status& status) {
  return DetailOf(status).value_or(ErrorDetail{}).field;
}

TEST(ManifoldTest, TakesAsFewComponentsAsExplainTheShare) {
  const std::vector<double> variances = {60, 25, 10, 4, 1};
  const auto of = [&](double share) {
    return CountComponents({.components = {}, .explained_share = share}, variances, 100);
  };
  EXPECT_EQ(of(0.5)->components, 1);
  EXPECT_EQ(of(0.61)->components, 2);
  EXPECT_EQ(of(0.9)->components, 3);
  EXPECT_DOUBLE_EQ(of(0.9)->explained_share, 0.95);
  EXPECT_EQ(of(0.96)->components, 4);
  const auto all = of(0.999);
  EXPECT_EQ(all.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(all.status()), "explained_share");
  EXPECT_THAT(std::string(all.status().message()), HasSubstr("what 4 components explain"));
}

TEST(ManifoldTest, ComponentsAreFewerThanTokensAndWidth) {
  const std::vector<double> variances = {60, 25, 10, 4, 1};
  const auto of = [&](int components, int64_t tokens) {
    return CountComponents({.components = components}, variances, tokens);
  };
  EXPECT_EQ(of(4, 100)->components, 4);
  EXPECT_DOUBLE_EQ(of(4, 100)->explained_share, 0.99);
  EXPECT_EQ(FieldOf(of(5, 100).status()), "components");
  EXPECT_EQ(FieldOf(of(0, 100).status()), "components");
  EXPECT_EQ(of(2, 4)->components, 2);
  // Four tokens span three directions around their mean: nothing would be left beside them.
  EXPECT_EQ(FieldOf(of(3, 4).status()), "components");
  EXPECT_THAT(std::string(of(3, 4).status().message()), HasSubstr("1 to 2 of 4 tokens"));
  EXPECT_EQ(FieldOf(of(1, 2).status()), "questions");
}

TEST(ManifoldTest, WhatDoesNotVaryHasNoPrincipalDirections) {
  const auto none = CountComponents({}, std::vector<double>{0, 0, 0}, 10);
  EXPECT_EQ(none.status().code(), absl::StatusCode::kFailedPrecondition);
  // Everything lies in a plane, and the plane is taken away.
  const auto flat = CountComponents({.components = 2}, std::vector<double>{3, 1, 1e-15, 0}, 10);
  EXPECT_EQ(flat.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(flat.status().message()), HasSubstr("beside 2 components"));
}

TEST(ManifoldTest, ASpreadIsAMeanAndThreeQuantiles) {
  std::vector<double> values;
  for (int i = 100; i >= 0; --i) values.push_back(i);
  const Spread spread = SpreadOf(values);
  EXPECT_DOUBLE_EQ(spread.mean, 50);
  EXPECT_DOUBLE_EQ(spread.low, 5);
  EXPECT_DOUBLE_EQ(spread.median, 50);
  EXPECT_DOUBLE_EQ(spread.high, 95);
  const Spread two = SpreadOf({3, 1});
  EXPECT_DOUBLE_EQ(two.median, 2);
  EXPECT_DOUBLE_EQ(two.low, 1.1);
  EXPECT_DOUBLE_EQ(SpreadOf({7}).high, 7);
}

TEST(ManifoldTest, APointComparesTokensWithThemselves) {
  const std::vector<TokenShift> plain = {{.norm = 2, .distance = 1}, {.norm = 4, .distance = 3}};
  const auto same = MakeManifoldPoint(0, plain, plain);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->norm_ratio.mean, 1);
  EXPECT_EQ(same->norm_ratio.low, 1);
  EXPECT_EQ(same->distance_ratio, 1);
  EXPECT_EQ(same->change, 0);
  EXPECT_FALSE(same->change_inside.has_value());
  const std::vector<TokenShift> moved = {{.norm = 3, .distance = 5, .change = 5, .inside = 3},
                                         {.norm = 5, .distance = 3, .change = 5, .inside = 5}};
  const auto point = MakeManifoldPoint(2, moved, plain);
  ASSERT_TRUE(point.ok()) << point.status();
  EXPECT_DOUBLE_EQ(point->norm_ratio.mean, (1.5 + 1.25) / 2);
  EXPECT_DOUBLE_EQ(point->distance.mean, 4);
  EXPECT_DOUBLE_EQ(point->distance_ratio, 2);
  EXPECT_DOUBLE_EQ(point->change, 5);
  EXPECT_DOUBLE_EQ(*point->change_inside, 34.0 / 50);
}

TEST(ManifoldTest, WhatIsNotANumberIsToldWithItsMultiplier) {
  const std::vector<TokenShift> plain = {{.norm = 2, .distance = 1}};
  const std::vector<TokenShift> burst = {
      {.norm = std::numeric_limits<double>::infinity(), .distance = 1}};
  const auto point = MakeManifoldPoint(1e5, burst, plain);
  EXPECT_EQ(point.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(point.status().message()), HasSubstr("100000"));
}

TEST(ManifoldTest, ValidityIsToldWhereItWasMeasured) {
  CurveFit fit;
  EXPECT_FALSE(ValidityAt(fit, 0).has_value());
  fit.curve = FittedCurve{.decay = {.negative = {}, .positive = DecaySide{1, 4, 1}},
                          .lowest_multiplier = 0,
                          .highest_multiplier = 4};
  EXPECT_DOUBLE_EQ(*ValidityAt(fit, 1), 1);
  EXPECT_DOUBLE_EQ(*ValidityAt(fit, 3), 0.5);
  EXPECT_FALSE(ValidityAt(fit, -1).has_value());
  EXPECT_FALSE(ValidityAt(fit, 5).has_value());
}

}  // namespace
}  // namespace steer

#include "core/analysis/text_check.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

// Text gets worse with the square of m.
absl::StatusOr<TextCheck> Check(double multiplier, double max_increase,
                                std::vector<double>* asked = nullptr) {
  return CheckOnText(multiplier, max_increase, [asked](double m) -> absl::StatusOr<double> {
    if (asked != nullptr) asked->push_back(m);
    return 2 + 0.1 * m * m;
  });
}

TEST(TextCheckTest, WhatPassesStays) {
  std::vector<double> asked;
  const auto check = Check(-2, 0.5, &asked);
  ASSERT_TRUE(check.ok());
  EXPECT_TRUE(check->passed);
  EXPECT_EQ(check->multiplier, -2);
  EXPECT_EQ(check->first_multiplier, -2);
  EXPECT_DOUBLE_EQ(check->plain_nll, 2);
  EXPECT_DOUBLE_EQ(check->steered_nll, 2.4);
  EXPECT_EQ(check->tried, 1);
  EXPECT_THAT(asked, ::testing::ElementsAre(0, -2));
}

TEST(TextCheckTest, WhatDoesNotPassShrinksUntilItDoes) {
  const auto check = Check(3, 0.5);  // passes from sqrt(5) = 2.24 down: 3, 2.4, 1.92
  ASSERT_TRUE(check.ok());
  EXPECT_TRUE(check->passed);
  EXPECT_EQ(check->tried, 3);
  EXPECT_NEAR(check->multiplier, 1.92, 1e-12);
  EXPECT_EQ(check->first_multiplier, 3);
}

TEST(TextCheckTest, WhereNothingPassesTheMultiplierIsZeroAndItIsSaid) {
  const auto check = Check(1000, 0.5);
  ASSERT_TRUE(check.ok());
  EXPECT_FALSE(check->passed);
  EXPECT_EQ(check->tried, kMostTried);
  EXPECT_EQ(check->multiplier, 0);
  EXPECT_EQ(check->steered_nll, check->plain_nll);
  const auto no_number =
      CheckOnText(1, 0.5, [](double m) -> absl::StatusOr<double> { return m == 0 ? 2 : NAN; });
  ASSERT_TRUE(no_number.ok());
  EXPECT_FALSE(no_number->passed);
}

TEST(TextCheckTest, ZeroNeedsNoText) {
  std::vector<double> asked;
  const auto check = Check(0, 0.5, &asked);
  ASSERT_TRUE(check.ok());
  EXPECT_TRUE(check->passed);
  EXPECT_EQ(check->tried, 0);
  EXPECT_THAT(asked, ::testing::ElementsAre(0));
}

TEST(TextCheckTest, AnErrorOfTheMeasureIsTheAnswer) {
  const auto check = CheckOnText(
      1, 0.5, [](double) -> absl::StatusOr<double> { return absl::CancelledError("stopped"); });
  EXPECT_EQ(check.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace steer

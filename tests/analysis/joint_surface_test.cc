#include "core/analysis/joint_surface.h"

#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using testing::HasSubstr;

// preference = first + 2 second unless changed; `utility` of both multipliers.
std::vector<CurvePoint> Points(
    const std::vector<double>& first, const std::vector<double>& second,
    const std::function<std::optional<double>(double, double)>& utility) {
  std::vector<CurvePoint> points;
  for (const double a : first) {
    for (const double b : second) {
      points.push_back({.multiplier = a,
                        .second_multiplier = b,
                        .preference = a + 2 * b,
                        .utility = utility(a, b)});
    }
  }
  return points;
}

const std::vector<double> kGrid = {-2, -1, 0, 1, 2};

JointChoice Choose(const std::vector<CurvePoint>& points, double max_loss,
                   Direction direction = Direction::kMorePreference) {
  const absl::StatusOr<JointSurface> surface = JointSurface::Create(points);
  EXPECT_TRUE(surface.ok()) << surface.status();
  const absl::StatusOr<JointChoice> choice = surface->RecommendWithinBudget(max_loss, direction);
  EXPECT_TRUE(choice.ok()) << choice.status();
  return *choice;
}

// Loss |first| + |second|: a nat buys one unit of preference with the first signal and two with the
// second. Utility falls from 0 to -4, half validity is where the loss is 2.
std::optional<double> Diamond(double a, double b) { return -std::abs(a) - std::abs(b); }

TEST(JointSurfaceTest, TheBudgetGoesWhereItBuysMost) {
  const JointChoice choice = Choose(Points(kGrid, kGrid, Diamond), 0.5);
  EXPECT_TRUE(choice.feasible);
  EXPECT_NEAR(choice.prediction.first, 0, 1e-12);
  EXPECT_NEAR(choice.prediction.second, 0.5, 1e-12);
  EXPECT_NEAR(choice.prediction.preference_gain, 1, 1e-12);
  EXPECT_NEAR(choice.prediction.utility_loss, 0.5, 1e-12);
  const JointChoice less = Choose(Points(kGrid, kGrid, Diamond), 0.5, Direction::kLessPreference);
  EXPECT_NEAR(less.prediction.second, -0.5, 1e-12);
  EXPECT_NEAR(less.prediction.preference_gain, 1, 1e-12);
  EXPECT_NEAR(less.prediction.preference, -1, 1e-12);
}

TEST(JointSurfaceTest, SignalsThatHelpEachOtherAreUsedTogether) {
  // Along the diagonal nothing is lost, which no sum of single curves could know.
  const auto ridge = [](double a, double b) { return std::optional<double>(-std::abs(a - b)); };
  const JointChoice choice = Choose(Points(kGrid, kGrid, ridge), 0.01);
  EXPECT_NEAR(choice.prediction.first, 2, 1e-12);
  EXPECT_NEAR(choice.prediction.second, 2, 1e-12);
}

TEST(JointSurfaceTest, NothingBeyondHalfValidityIsSearched) {
  // With a budget of everything, still only cells all of whose corners lose at most 2 nats of 4.
  const JointChoice choice = Choose(Points(kGrid, kGrid, Diamond), 100);
  EXPECT_NEAR(choice.prediction.first, 1, 1e-12);
  EXPECT_NEAR(choice.prediction.second, 1, 1e-12);
}

TEST(JointSurfaceTest, OnlyWhatHangsTogetherWithZeroIsSearched) {
  // Far out utility is as good as at 0, behind a trench.
  const auto trench = [](double a, double b) {
    return std::optional<double>(std::abs(a) == 2 || std::abs(b) == 2 ? -9.0 : 0.0);
  };
  const std::vector<double> wide = {-4, -3, -2, -1, 0, 1, 2, 3, 4};
  const JointChoice choice = Choose(Points(wide, wide, trench), 0.1);
  EXPECT_NEAR(choice.prediction.first, 1, 1e-12);
  EXPECT_NEAR(choice.prediction.second, 1, 1e-12);
  // And an undefined utility is no bridge either.
  const auto hole = [](double a, double b) {
    return std::abs(a) == 2 || std::abs(b) == 2 ? std::nullopt : std::optional<double>(0.0);
  };
  EXPECT_NEAR(Choose(Points(wide, wide, hole), 0.1).prediction.second, 1, 1e-12);
}

TEST(JointSurfaceTest, ABudgetThatNothingKeepsIsAnsweredWithTheNearest) {
  const JointChoice choice = Choose(Points(kGrid, kGrid, Diamond), -0.25);
  EXPECT_FALSE(choice.feasible);
  EXPECT_EQ(choice.prediction.first, 0);
  EXPECT_EQ(choice.prediction.second, 0);
  EXPECT_EQ(choice.prediction.utility_loss, 0);
  // Utility that rises off 0 keeps it.
  const auto rising = [](double a, double b) { return std::optional<double>(a / 2 - b * b); };
  const JointChoice risen = Choose(Points(kGrid, kGrid, rising), -0.25);
  EXPECT_TRUE(risen.feasible);
  EXPECT_LE(risen.prediction.utility_loss, -0.25);
  EXPECT_GT(risen.prediction.first, 0);
}

TEST(JointSurfaceTest, TheEdgeOfTheGridMayBeZero) {
  const auto shallow = [](double a, double b) {
    return std::optional<double>(-0.04 * (std::abs(a) + std::abs(b)));
  };
  const JointChoice choice = Choose(Points({0, 1}, {-1, 0}, shallow), 0.02);
  EXPECT_NEAR(choice.prediction.first, 0.5, 1e-12);
  EXPECT_NEAR(choice.prediction.second, 0, 1e-12);
}

TEST(JointSurfaceTest, WhatIsNoGridIsRefused) {
  std::vector<CurvePoint> points = Points(kGrid, kGrid, Diamond);
  points.pop_back();
  EXPECT_THAT(JointSurface::Create(points).status().message(), HasSubstr("24 points"));
  points.push_back(points.front());
  EXPECT_THAT(JointSurface::Create(points).status().message(), HasSubstr("-2 and -2 twice"));
  EXPECT_THAT(JointSurface::Create(Points({1, 2}, kGrid, Diamond)).status().message(),
              HasSubstr("none with both multipliers at 0"));
  EXPECT_EQ(JointSurface::Create({}).status().code(), absl::StatusCode::kInvalidArgument);
  const auto nowhere = [](double, double) { return std::optional<double>(); };
  EXPECT_EQ(JointSurface::Create(Points(kGrid, kGrid, nowhere)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const auto surface = JointSurface::Create(Points(kGrid, kGrid, Diamond));
  EXPECT_EQ(surface
                ->RecommendWithinBudget(std::numeric_limits<double>::infinity(),
                                        Direction::kMorePreference)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace steer

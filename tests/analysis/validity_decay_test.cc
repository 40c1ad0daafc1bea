#include "core/analysis/validity_decay.h"

#include <cmath>
#include <random>

#include "gtest/gtest.h"
#include "tests/analysis/planted_curve.h"

namespace steer {
namespace {

TEST(ValidityDecayTest, FollowsTheFormula) {
  const DecaySide side{.peak = 1, .width = 4, .tail = 0.5};
  EXPECT_DOUBLE_EQ(Validity(side, 1), 1);
  EXPECT_DOUBLE_EQ(Validity(side, 3), 1 / std::sqrt(2.0));  // 1 + 4 / 4, to the power -1/2
  EXPECT_DOUBLE_EQ(Validity(side, -1), Validity(side, 3));
}

TEST(ValidityDecayTest, SlopeIsTheDerivative) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 200; ++i) {
    const DecaySide side{
        .peak = Draw(random, -3, 3), .width = Draw(random, 0.1, 9), .tail = Draw(random, 0.1, 5)};
    const double m = Draw(random, -5, 5), h = 1e-5;
    const double secant = (Validity(side, m + h) - Validity(side, m - h)) / (2 * h);
    EXPECT_NEAR(ValiditySlope(side, m), secant, 1e-7);
  }
}

TEST(ValidityDecayTest, IsOneHalfAtTheHalfPointOfEitherSide) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 200; ++i) {
    const FittedCurve curve = PlantedCurve(CurveLaw::kUtility, Peaks::kBothSides, 10, random);
    for (const Side side : {Side::kNegative, Side::kPositive}) {
      const double end = side == Side::kPositive ? 1e9 : -1e9;
      const HalfValidity half = *curve.decay.HalfPoint(side, end);
      EXPECT_FALSE(half.beyond_range);
      EXPECT_EQ(half.multiplier > 0, side == Side::kPositive);
      EXPECT_NEAR(*curve.decay.At(half.multiplier), 0.5, 1e-12);
    }
  }
}

TEST(ValidityDecayTest, HalfPointBeyondTheRangeIsABound) {
  const DecaySide side{.peak = 0, .width = 100, .tail = 1};  // one half at 10
  const ValidityDecay decay{.negative = side, .positive = side};
  const HalfValidity positive = *decay.HalfPoint(Side::kPositive, 9.5);
  EXPECT_TRUE(positive.beyond_range);
  EXPECT_EQ(positive.multiplier, 9.5);
  const HalfValidity negative = *decay.HalfPoint(Side::kNegative, -9.5);
  EXPECT_TRUE(negative.beyond_range);
  EXPECT_EQ(negative.multiplier, -9.5);
  EXPECT_FALSE(decay.HalfPoint(Side::kNegative, -10.5)->beyond_range);
}

TEST(ValidityDecayTest, HalfPointIsZeroWhereTheWholeSideIsBelowOneHalf) {
  const DecaySide left{.peak = -5, .width = 1, .tail = 1};  // one half at -4
  EXPECT_EQ(ValidityDecay{.positive = left}.HalfPoint(Side::kPositive, 10)->multiplier, 0);
}

TEST(ValidityDecayTest, AMissingSideIsSaid) {
  const ValidityDecay decay{.positive = DecaySide{}};
  EXPECT_TRUE(decay.At(0).has_value());
  EXPECT_FALSE(decay.At(-0.1).has_value());
  EXPECT_FALSE(decay.HalfPoint(Side::kNegative, -5).has_value());
  const ValidityDecay mirrored{.negative = DecaySide{}};
  EXPECT_TRUE(mirrored.At(0).has_value());
  EXPECT_FALSE(mirrored.At(0.1).has_value());
}

}  // namespace
}  // namespace steer

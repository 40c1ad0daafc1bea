#include "core/analysis/curve_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/analysis/planted_curve.h"

namespace steer {
namespace {

constexpr CurveLaw kLaws[] = {CurveLaw::kPreference, CurveLaw::kUtility};
constexpr Peaks kPeaks[] = {Peaks::kAtZero, Peaks::kBothSides, Peaks::kRight, Peaks::kLeft};
constexpr Side kSides[] = {Side::kNegative, Side::kPositive};

CurveFit Fit(CurveLaw law, const DoseCurve& curve) {
  auto fit = law == CurveLaw::kPreference ? FitPreference(curve) : FitUtility(curve);
  EXPECT_TRUE(fit.ok()) << fit.status();
  return *std::move(fit);
}

void AddNoise(DoseCurve& curve, double size, std::mt19937_64& random) {
  for (double& value : curve.values[0]) value += Draw(random, -size, size);
}

double Spread(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return *high - *low;
}

TEST(CurveFitTest, RecoversPlantedCurves) {
  std::mt19937_64 random(11);
  int halves = 0;
  for (const CurveLaw law : kLaws) {
    for (const Peaks peaks : kPeaks) {
      for (int i = 0; i < 25; ++i) {
        const double range = i % 2 == 0 ? 20 : 2;
        const FittedCurve truth = PlantedCurve(law, peaks, range, random);
        const CurveFit fit = Fit(law, OnePair(truth, Grid(range, 12)));
        SCOPED_TRACE(testing::Message()
                     << static_cast<int>(law) << " " << static_cast<int>(peaks) << " " << i);
        ASSERT_EQ(fit.verdict, FitVerdict::kFitted) << fit.reason;
        EXPECT_GT(*fit.r_squared, 0.999);
        for (const Side side : kSides) {
          const HalfValidity planted = *truth.HalfPoint(side);
          if (planted.beyond_range || std::abs(planted.multiplier) > 0.98 * range) continue;
          const HalfValidity found = *fit.curve->HalfPoint(side);
          EXPECT_FALSE(found.beyond_range);
          EXPECT_NEAR(found.multiplier, planted.multiplier,
                      0.02 * std::abs(planted.multiplier) + 1e-4 * range);
          ++halves;
        }
      }
    }
  }
  EXPECT_GT(halves, 300);  // most of 400 lie within the range
}

TEST(CurveFitTest, IsContinuousAtZeroAndAddsUp) {
  std::mt19937_64 random(12);
  for (const Peaks peaks : kPeaks) {
    DoseCurve curve = OnePair(PlantedCurve(CurveLaw::kPreference, peaks, 5, random), Grid(5, 10));
    AddNoise(curve, 0.05, random);
    const CurveFit fit = Fit(CurveLaw::kPreference, curve);
    ASSERT_TRUE(fit.curve) << fit.reason;
    EXPECT_NEAR(*fit.curve->decay.At(-1e-12), *fit.curve->decay.At(0), 1e-9);
    double squares = 0;
    for (size_t i = 0; i < fit.means.size(); ++i) {
      EXPECT_EQ(fit.residuals[i], fit.means[i] - *fit.curve->At(fit.multipliers[i]));
      squares += fit.residuals[i] * fit.residuals[i];
    }
    double mean = 0, total = 0;
    for (const double value : fit.means) mean += value / static_cast<double>(fit.means.size());
    for (const double value : fit.means) total += (value - mean) * (value - mean);
    EXPECT_NEAR(*fit.r_squared, 1 - squares / total, 1e-12);
    const double h = 1e-5, m = 2.3;
    EXPECT_NEAR(*fit.curve->SlopeAt(m), (*fit.curve->At(m + h) - *fit.curve->At(m - h)) / (2 * h),
                1e-6);
  }
}

// m -> -m, m -> s m, value -> a value + c: the same curve in other units.
TEST(CurveFitTest, SurvivesReflectionAndRescaling) {
  std::mt19937_64 random(13);
  for (const CurveLaw law : kLaws) {
    for (const Peaks peaks : kPeaks) {
      DoseCurve curve = OnePair(PlantedCurve(law, peaks, 5, random), Grid(5, 12));
      AddNoise(curve, 0.02, random);
      DoseCurve reflected = curve, scaled = curve;
      for (double& m : reflected.multipliers) m = -m;
      std::reverse(reflected.multipliers.begin(), reflected.multipliers.end());
      std::reverse(reflected.values[0].begin(), reflected.values[0].end());
      for (double& m : scaled.multipliers) m *= 0.03;
      for (double& value : scaled.values[0]) value = -70 * value + 300;
      const CurveFit fit = Fit(law, curve), mirror = Fit(law, reflected), other = Fit(law, scaled);
      ASSERT_TRUE(fit.curve && mirror.curve && other.curve);
      const double tolerance = 1e-3 * Spread(fit.means);
      for (double m = -5; m <= 5; m += 0.25) {
        EXPECT_NEAR(*mirror.curve->At(-m), *fit.curve->At(m), tolerance) << m;
        EXPECT_NEAR(*other.curve->At(0.03 * m), -70 * *fit.curve->At(m) + 300, 70 * tolerance) << m;
      }
      EXPECT_NEAR(*mirror.r_squared, *fit.r_squared, 1e-6);
      EXPECT_NEAR(*other.r_squared, *fit.r_squared, 1e-6);
    }
  }
}

TEST(CurveFitTest, IsTheSameBitForBit) {
  std::mt19937_64 random(14);
  DoseCurve curve =
      OnePair(PlantedCurve(CurveLaw::kPreference, Peaks::kRight, 5, random), Grid(5, 12));
  AddNoise(curve, 0.1, random);
  const CurveFit one = Fit(CurveLaw::kPreference, curve);
  const CurveFit other = Fit(CurveLaw::kPreference, curve);
  ASSERT_TRUE(one.curve);
  EXPECT_EQ(one.residuals, other.residuals);
  EXPECT_EQ(one.curve->alpha, other.curve->alpha);
  EXPECT_EQ(one.curve->decay.negative->width, other.curve->decay.negative->width);
}

TEST(CurveFitTest, OneSidedDataLeaveTheOtherSideUnidentified) {
  std::mt19937_64 random(15);
  for (const CurveLaw law : kLaws) {
    const FittedCurve truth = PlantedCurve(law, Peaks::kAtZero, 10, random);
    DoseCurve positive = OnePair(truth, {0, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    DoseCurve negative = positive;
    for (double& m : negative.multipliers) m = -m;
    std::reverse(negative.multipliers.begin(), negative.multipliers.end());
    std::reverse(negative.values[0].begin(), negative.values[0].end());
    const CurveFit right = Fit(law, positive), left = Fit(law, negative);
    ASSERT_TRUE(right.curve && left.curve);
    EXPECT_GT(*right.r_squared, 0.999);
    EXPECT_FALSE(right.curve->decay.negative || left.curve->decay.positive);
    EXPECT_FALSE(right.curve->HalfPoint(Side::kNegative).has_value());
    EXPECT_FALSE(right.curve->At(-1).has_value());
    EXPECT_NEAR(*right.curve->At(2.5), *left.curve->At(-2.5), 1e-6);
    EXPECT_NEAR(*right.curve->At(2.5), *truth.At(2.5), 1e-3 * Spread(right.means));
    EXPECT_NEAR(right.curve->alpha, -left.curve->alpha, 1e-6 + 1e-6 * std::abs(left.curve->alpha));
  }
}

TEST(CurveFitTest, AHalfPointOutOfTheRangeIsSaidToBe) {
  const DecaySide side{.peak = 0, .width = 400, .tail = 1};  // one half at 20
  const FittedCurve truth{.beta = 2, .b = -1, .decay = {side, side}};
  const CurveFit fit = Fit(CurveLaw::kUtility, OnePair(truth, Grid(10, 12)));
  ASSERT_TRUE(fit.curve);
  EXPECT_TRUE(fit.curve->HalfPoint(Side::kPositive)->beyond_range);
  EXPECT_EQ(fit.curve->HalfPoint(Side::kNegative)->multiplier, -10);
}

TEST(CurveFitTest, TooFewPointsSayHowManyAreNeeded) {
  std::mt19937_64 random(16);
  const FittedCurve truth = PlantedCurve(CurveLaw::kPreference, Peaks::kAtZero, 6, random);
  const auto verdict = [&](CurveLaw law, const std::vector<double>& multipliers) {
    return Fit(law, OnePair(truth, multipliers));
  };
  const CurveFit eight = verdict(CurveLaw::kPreference, {-4, -3, -2, -1, 1, 2, 3, 4});
  EXPECT_EQ(eight.verdict, FitVerdict::kTooFewPoints);
  EXPECT_THAT(eight.reason, testing::HasSubstr("8, allowed: at least 9"));
  EXPECT_FALSE(eight.curve || eight.r_squared);
  EXPECT_EQ(eight.means.size(), 8u);
  EXPECT_EQ(verdict(CurveLaw::kUtility, {-4, -3, -2, -1, 1, 2, 3, 4}).verdict, FitVerdict::kFitted);
  const CurveFit lopsided = verdict(CurveLaw::kPreference, {-3, -2, -1, 0, 1, 2, 3, 4, 5, 6});
  EXPECT_EQ(lopsided.verdict, FitVerdict::kTooFewPoints);
  EXPECT_THAT(lopsided.reason, testing::HasSubstr("3 below 0"));
  EXPECT_EQ(verdict(CurveLaw::kPreference, {0, 1, 2, 3, 4, 5}).verdict, FitVerdict::kTooFewPoints);
  EXPECT_EQ(verdict(CurveLaw::kPreference, {0, 1, 2, 3, 4, 5, 6}).verdict, FitVerdict::kFitted);
  EXPECT_EQ(verdict(CurveLaw::kUtility, {0, 1, 2, 3, 4}).verdict, FitVerdict::kTooFewPoints);
  EXPECT_EQ(verdict(CurveLaw::kUtility, {0}).verdict, FitVerdict::kTooFewPoints);
  EXPECT_EQ(verdict(CurveLaw::kUtility, {}).verdict, FitVerdict::kTooFewPoints);
}

TEST(CurveFitTest, FlatDataHaveNoRSquared) {
  for (const double level : {0.0, 0.1, -1e6}) {
    const DoseCurve curve{.multipliers = Grid(3, 6),
                          .values = {std::vector<double>(13, level), std::vector<double>(13, 0.3)}};
    const CurveFit fit = Fit(CurveLaw::kPreference, curve);
    EXPECT_EQ(fit.verdict, FitVerdict::kFlat);
    EXPECT_FALSE(fit.curve || fit.r_squared);
    EXPECT_EQ(fit.pairs, 2);
    EXPECT_FALSE(fit.reason.empty());
  }
}

TEST(CurveFitTest, NotANumberIsRefused) {
  DoseCurve curve{.multipliers = Grid(3, 6), .values = {std::vector<double>(13, 1.0)}};
  curve.values[0][4] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(FitPreference(curve).status().code(), absl::StatusCode::kInvalidArgument);
  curve.values[0][4] = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(FitUtility(curve).status().code(), absl::StatusCode::kInvalidArgument);
}

// What a law cannot follow is fitted badly and says so, or is refused; never a perfect score.
TEST(CurveFitTest, PureNoiseDoesNotFitWell) {
  std::mt19937_64 random(17);
  int fitted = 0;
  for (int i = 0; i < 20; ++i) {
    DoseCurve curve{.multipliers = Grid(3, 20), .values = {std::vector<double>(41, 0.0)}};
    AddNoise(curve, 1, random);
    const CurveFit fit = Fit(CurveLaw::kUtility, curve);
    if (fit.verdict != FitVerdict::kFitted) continue;
    ++fitted;
    EXPECT_LT(*fit.r_squared, 0.7);
    EXPECT_GE(*fit.r_squared, 0);
  }
  EXPECT_GT(fitted, 0);
}

TEST(CurveFitTest, AStraightLineIsFittedWithoutDecay) {
  DoseCurve curve{.multipliers = Grid(3, 8), .values = {{}}};
  for (const double m : curve.multipliers) curve.values[0].push_back(2 * m - 1);
  const CurveFit fit = Fit(CurveLaw::kPreference, curve);
  ASSERT_TRUE(fit.curve) << fit.reason;
  EXPECT_GT(*fit.r_squared, 0.99999);
  EXPECT_TRUE(fit.curve->HalfPoint(Side::kPositive)->beyond_range);
  EXPECT_TRUE(fit.curve->HalfPoint(Side::kNegative)->beyond_range);
}

}  // namespace
}  // namespace steer

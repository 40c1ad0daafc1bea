#include "core/analysis/curve_bootstrap.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/analysis/planted_curve.h"

namespace steer {
namespace {

// Pairs that differ in height and in size of effect, as questions do, with noise on every value.
DoseCurve NoisyPairs(const FittedCurve& truth, int pairs, std::mt19937_64& random) {
  DoseCurve curve{.multipliers = Grid(truth.highest_multiplier, 12)};
  for (int pair = 0; pair < pairs; ++pair) {
    const double offset = Draw(random, -1, 1), factor = Draw(random, 0.7, 1.3);
    std::vector<double> values;
    for (const double m : curve.multipliers) {
      values.push_back(truth.b + factor * (*truth.At(m) - truth.b) + offset +
                       Draw(random, -0.3, 0.3));
    }
    curve.values.push_back(std::move(values));
  }
  return curve;
}

// How often the 95 % intervals of 40 planted curves hold the truth.
struct Coverage {
  int points = 0, points_covered = 0;
  int halves = 0, halves_covered = 0;
};

void Count(const CurveBand& band, const FittedCurve& truth, Coverage& coverage) {
  for (size_t i = 0; i < band.multipliers.size(); ++i) {
    const double value = *truth.At(band.multipliers[i]);
    ++coverage.points;
    if (band.band[i].low <= value && value <= band.band[i].high) ++coverage.points_covered;
  }
  const HalfValidity half = *truth.HalfPoint(Side::kPositive);
  if (half.beyond_range) return;
  const HalfValidityInterval& interval = *band.half_positive;
  ++coverage.halves;
  if (interval.nearest.multiplier <= half.multiplier &&
      (interval.farthest.beyond_range || half.multiplier <= interval.farthest.multiplier)) {
    ++coverage.halves_covered;
  }
}

class CurveBootstrapLawTest : public testing::TestWithParam<CurveLaw> {};

TEST_P(CurveBootstrapLawTest, CoversTheTruthAboutAsOftenAsItSays) {
  const CurveLaw law = GetParam();
  std::mt19937_64 random(21);
  Coverage coverage;
  for (int i = 0; i < 40; ++i) {
    const FittedCurve truth = PlantedCurve(law, Peaks::kBothSides, 4, random);
    const DoseCurve curve = NoisyPairs(truth, 40, random);
    const auto fit = law == CurveLaw::kPreference ? FitPreference(curve) : FitUtility(curve);
    ASSERT_TRUE(fit.ok() && fit->curve) << i;
    const auto band = BootstrapCurve(law, curve, *fit, {-3, -1, 0, 1.5, 3.5}, {.resamples = 60});
    ASSERT_TRUE(band.ok()) << band.status();
    EXPECT_LE(band->failed, 6);
    Count(*band, truth, coverage);
  }
  // Nominally 95 %; 40 pairs, 60 resamples and the law's own curvature make it a little less.
  EXPECT_GE(coverage.points_covered, 0.85 * coverage.points);
  EXPECT_LT(coverage.points_covered, coverage.points);  // one that always covers says nothing
  EXPECT_GE(coverage.halves_covered, 0.8 * coverage.halves);
  EXPECT_GT(coverage.halves, 30);
}

INSTANTIATE_TEST_SUITE_P(Laws, CurveBootstrapLawTest,
                         testing::Values(CurveLaw::kPreference, CurveLaw::kUtility));

TEST(CurveBootstrapTest, MorePairsMakeANarrowerBand) {
  std::mt19937_64 random(22);
  const FittedCurve truth = PlantedCurve(CurveLaw::kPreference, Peaks::kBothSides, 4, random);
  double widths[2] = {};
  for (int i = 0; i < 2; ++i) {
    const DoseCurve curve = NoisyPairs(truth, i == 0 ? 20 : 320, random);
    const auto fit = FitPreference(curve);
    const auto band =
        BootstrapCurve(CurveLaw::kPreference, curve, *fit, {-2, 0, 2}, {.resamples = 60});
    ASSERT_TRUE(band.ok()) << band.status();
    for (const Interval& interval : band->band) widths[i] += interval.high - interval.low;
  }
  EXPECT_LT(widths[1], 0.5 * widths[0]);  // 16 times the pairs: a quarter
}

TEST(CurveBootstrapTest, IsTheSameBitForBitAndDependsOnTheSeed) {
  std::mt19937_64 random(23);
  const FittedCurve truth = PlantedCurve(CurveLaw::kUtility, Peaks::kRight, 4, random);
  const DoseCurve curve = NoisyPairs(truth, 10, random);
  const auto fit = FitUtility(curve);
  const auto run = [&](uint64_t seed) {
    return BootstrapCurve(CurveLaw::kUtility, curve, *fit, {1}, {.resamples = 30, .seed = seed});
  };
  const auto one = run(1), again = run(1), other = run(2);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->band[0].low, again->band[0].low);
  EXPECT_EQ(one->band[0].high, again->band[0].high);
  EXPECT_EQ(one->half_positive->nearest.multiplier, again->half_positive->nearest.multiplier);
  EXPECT_NE(one->band[0].low, other->band[0].low);
}

TEST(CurveBootstrapTest, AnIntervalBeyondTheRangeIsSaidToBe) {
  std::mt19937_64 random(26);
  const DecaySide near{.peak = 0, .width = 1, .tail = 1}, far{.peak = 0, .width = 64, .tail = 1};
  const FittedCurve truth{.beta = 3,
                          .decay = {.negative = near, .positive = far},  // one half at -1 and 8
                          .lowest_multiplier = -4,
                          .highest_multiplier = 4};
  const DoseCurve curve = NoisyPairs(truth, 200, random);
  const auto fit = FitUtility(curve);
  const auto band = BootstrapCurve(CurveLaw::kUtility, curve, *fit, {}, {.resamples = 40});
  ASSERT_TRUE(band.ok()) << band.status();
  EXPECT_TRUE(band->half_positive->farthest.beyond_range);
  EXPECT_EQ(band->half_positive->farthest.multiplier, 4);
  EXPECT_FALSE(band->half_negative->farthest.beyond_range);
  EXPECT_LE(band->half_negative->farthest.multiplier, band->half_negative->nearest.multiplier);
}

// Half of the pairs are flat: a resample of flat pairs alone cannot be refitted.
TEST(CurveBootstrapTest, CountsRefitsThatFailed) {
  std::mt19937_64 random(24);
  const FittedCurve truth = PlantedCurve(CurveLaw::kUtility, Peaks::kAtZero, 4, random);
  DoseCurve curve = OnePair(truth, Grid(4, 12));
  curve.values.emplace_back(25, 1.0);
  const auto fit = FitUtility(curve);
  const auto band = BootstrapCurve(CurveLaw::kUtility, curve, *fit, {0}, {.resamples = 100});
  ASSERT_TRUE(band.ok()) << band.status();
  EXPECT_EQ(band->resamples, 100);
  EXPECT_GT(band->failed, 10);  // 1 in 4
  EXPECT_LT(band->failed, 40);
}

TEST(CurveBootstrapTest, RefusesWhatItCannotResample) {
  std::mt19937_64 random(25);
  const FittedCurve truth = PlantedCurve(CurveLaw::kUtility, Peaks::kAtZero, 4, random);
  const DoseCurve curve = NoisyPairs(truth, 5, random);
  const auto fit = FitUtility(curve);
  const auto code = [&](const DoseCurve& data, const CurveFit& of, std::vector<double> at,
                        BootstrapParams params) {
    return BootstrapCurve(CurveLaw::kUtility, data, of, at, params).status().code();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
  EXPECT_EQ(code(curve, *fit, {0}, {.resamples = 0}), kInvalid);
  EXPECT_EQ(code(curve, *fit, {0}, {.confidence = 1}), kInvalid);
  EXPECT_EQ(code(curve, *fit, {std::numeric_limits<double>::quiet_NaN()}, {}), kInvalid);
  EXPECT_EQ(code(curve, CurveFit{}, {0}, {}), kPrecondition);
  const DoseCurve single = OnePair(truth, Grid(4, 12));
  EXPECT_EQ(code(single, *FitUtility(single), {0}, {}), kPrecondition);
  EXPECT_EQ(code(OnePair(truth, Grid(3, 12)), *fit, {0}, {}), kPrecondition);
  DoseCurve one_sided = OnePair(truth, {0, 0.5, 1, 1.5, 2, 2.5, 3});
  one_sided.values.push_back(one_sided.values[0]);
  EXPECT_EQ(code(one_sided, *FitUtility(one_sided), {-1}, {}), kInvalid);
}

}  // namespace
}  // namespace steer

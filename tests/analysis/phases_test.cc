#include "core/analysis/phases.h"

#include <cmath>

#include "gtest/gtest.h"
#include "tests/analysis/planted_curve.h"

namespace steer {
namespace {

// f = 2 m / (1 + m² / L): with k = m² / L, f' / alpha = (1 - k) / (1 + k)², which is 0.8 at
// k = 0.07520 and -0.05 at k = 16.74597, for good.
constexpr double kLinearK = 0.0751838;
constexpr double kConvergenceK = 16.7459667;

FittedCurve Simple(double low, double high) {
  const DecaySide side{.peak = 0, .width = 4, .tail = 1};
  return {.alpha = 2,
          .b = 7,
          .decay = {side, side},
          .lowest_multiplier = low,
          .highest_multiplier = high};
}

TEST(PhasesTest, FollowsTheHandComputedBoundaries) {
  const auto report = FindPhases(Simple(-12, 10));
  ASSERT_TRUE(report.ok()) << report.status();
  const double linear = 2 * std::sqrt(kLinearK), convergence = 2 * std::sqrt(kConvergenceK);
  ASSERT_EQ(report->positive.size(), 3u);
  EXPECT_EQ(report->positive[0].phase, Phase::kLinear);
  EXPECT_EQ(report->positive[0].low, 0);
  EXPECT_NEAR(report->positive[0].high, linear, 1e-6);
  EXPECT_EQ(report->positive[1].phase, Phase::kTransitional);
  EXPECT_EQ(report->positive[2].phase, Phase::kConvergence);
  EXPECT_NEAR(report->positive[2].low, convergence, 1e-6);
  EXPECT_EQ(report->positive[2].high, 10);
  ASSERT_EQ(report->negative.size(), 3u);
  EXPECT_EQ(report->negative[0].phase, Phase::kConvergence);
  EXPECT_EQ(report->negative[0].low, -12);
  EXPECT_NEAR(report->negative[0].high, -convergence, 1e-6);
  EXPECT_NEAR(report->negative[2].low, -linear, 1e-6);
  EXPECT_EQ(report->negative[2].high, 0);
}

// At m = 2 = sqrt(L) preference peaks: its slope is 0 there, but the curve has not converged.
TEST(PhasesTest, APeakIsNoConvergence) {
  const auto report = FindPhases(Simple(-2, 2));
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->positive.size(), 2u);
  EXPECT_EQ(report->positive.back().phase, Phase::kTransitional);
}

TEST(PhasesTest, ALineIsLinearThroughout) {
  FittedCurve line = Simple(-3, 0);
  line.decay.negative = DecaySide{.peak = 0, .width = 1e9, .tail = 1};
  line.decay.positive.reset();
  const auto report = FindPhases(line);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->positive.empty());
  ASSERT_EQ(report->negative.size(), 1u);
  EXPECT_EQ(report->negative[0].phase, Phase::kLinear);
  EXPECT_EQ(report->negative[0].low, -3);
}

TEST(PhasesTest, WithoutALinearTrendThereAreNone) {
  FittedCurve hump = Simple(-3, 3);
  hump.alpha = 0;
  hump.beta = 1;
  EXPECT_EQ(FindPhases(hump).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(PhasesTest, IntervalsFillTheRangeAndKeepTheirPromises) {
  std::mt19937_64 random(31);
  for (int i = 0; i < 100; ++i) {
    const Peaks peaks = static_cast<Peaks>(i % 4);
    const FittedCurve curve = PlantedCurve(CurveLaw::kPreference, peaks, 8, random);
    const auto report = FindPhases(curve);
    ASSERT_TRUE(report.ok()) << report.status();
    double from = -8;
    for (const auto& side : {report->negative, report->positive}) {
      for (const PhaseInterval& interval : side) {
        EXPECT_EQ(interval.low, from);
        EXPECT_LT(interval.low, interval.high);
        from = interval.high;
        for (double share = 0.01; share < 1; share += 0.07) {
          const double m = interval.low + share * (interval.high - interval.low);
          const double slope = *curve.SlopeAt(m) / curve.alpha;
          if (interval.phase == Phase::kLinear) {
            EXPECT_NEAR(slope, 1, kLinearShare + 1e-9);
          }
          if (interval.phase == Phase::kConvergence) {
            EXPECT_LT(std::abs(slope), kConvergenceShare);
          }
        }
      }
    }
    EXPECT_EQ(from, 8);
  }
}

}  // namespace
}  // namespace steer

#include "core/analysis/curve_report.h"

#include <cmath>

#include "core/analysis/recommend.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

// Pairs whose losses follow the paper's laws: preference 2 m D(m) + offset, and both answers lose
// as validity goes.
std::vector<ScorePoint> Points(int pairs, double offset_step = 0.1) {
  std::vector<ScorePoint> points;
  for (int i = -12; i <= 12; ++i) {
    const double m = i / 3.0;
    const double d = 1 / (1 + m * m / 4);
    std::vector<ScoredPair> scored;
    for (int pair = 0; pair < pairs; ++pair) {
      const double preference = 0.8 * m * d + offset_step * (pair - pairs / 2);
      const double loss = 4 - 2 * d;
      scored.push_back(
          {.sum = ComputeOdds(10 * (loss - preference / 2), 10 * (loss + preference / 2)),
           .mean = ComputeOdds(loss - preference / 2, loss + preference / 2)});
    }
    points.push_back(MakeScorePoint(m, std::move(scored)));
  }
  return points;
}

TEST(CurveReportTest, ASummaryHasMeansAndIntervalsOverPairs) {
  const CurveSummary summary = SummariseCurve(Points(8));
  ASSERT_EQ(summary.points.size(), 25U);
  EXPECT_EQ(summary.utility_pairs, 8);
  const CurvePoint& zero = summary.points[12];
  EXPECT_EQ(zero.multiplier, 0);
  EXPECT_NEAR(zero.preference, -0.05, 1e-9);  // offsets -0.4 .. 0.3
  EXPECT_LT(zero.preference_interval.low, zero.preference);
  EXPECT_GT(zero.preference_interval.high, zero.preference);
  EXPECT_GE(zero.preference_interval.low, -0.4);
  EXPECT_LE(zero.preference_interval.high, 0.3);
  ASSERT_TRUE(zero.utility.has_value());
  EXPECT_GT(*zero.utility, *summary.points[0].utility);
  EXPECT_NEAR(zero.sum_preference, -0.5, 1e-9);
}

TEST(CurveReportTest, APairWithoutAUtilityAnywhereIsLeftOutEverywhere) {
  std::vector<ScorePoint> points = Points(3);
  // Two fluent answers: their masses sum to more than 1.
  points[4].pairs[1].mean = ComputeOdds(0.1, 0.2);
  points[4] = MakeScorePoint(points[4].multiplier, points[4].pairs);
  const CurveSummary summary = SummariseCurve(points);
  EXPECT_EQ(summary.utility_pairs, 2);
  const double expected =
      (*points[12].pairs[0].mean.utility + *points[12].pairs[2].mean.utility) / 2;
  EXPECT_NEAR(*summary.points[12].utility, expected, 1e-12);
  const auto report = ReportFit(points, LossMode::kMean, std::nullopt, 11);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->utility.fit.pairs, 2);
  EXPECT_EQ(report->utility.fit.dropped_pairs, 1);
  EXPECT_EQ(report->preference.fit.pairs, 3);
}

TEST(CurveReportTest, WhereNoPairHasAUtilityThereIsAVerdict) {
  std::vector<ScorePoint> points = Points(1);
  points[4].pairs[0].mean = ComputeOdds(0.1, 0.2);
  points[4] = MakeScorePoint(points[4].multiplier, points[4].pairs);
  EXPECT_EQ(SummariseCurve(points).utility_pairs, 0);
  EXPECT_FALSE(SummariseCurve(points).points[0].utility.has_value());
  const auto report = ReportFit(points, LossMode::kMean, BootstrapParams(), 11);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->utility.fit.verdict, FitVerdict::kTooFewPoints);
  EXPECT_FALSE(report->utility.fit.reason.empty());
  EXPECT_EQ(report->preference.fit.verdict, FitVerdict::kFitted);
  // One pair is no sample to draw from.
  EXPECT_FALSE(report->preference.band.has_value());
}

TEST(CurveReportTest, AReportHasFitsBandsAndPhasesOverItsGrid) {
  const auto report = ReportFit(Points(12), LossMode::kMean, BootstrapParams{.resamples = 40}, 21);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->grid.size(), 21U);
  EXPECT_EQ(report->grid.front(), -4);
  EXPECT_EQ(report->grid.back(), 4);
  EXPECT_GT(*report->preference.fit.r_squared, 0.999);
  EXPECT_GT(*report->utility.fit.r_squared, 0.99);
  ASSERT_TRUE(report->preference.band.has_value());
  for (size_t i = 0; i < report->grid.size(); ++i) {
    const double fitted = *report->preference.fit.curve->At(report->grid[i]);
    EXPECT_LE(report->preference.band->band[i].low, fitted + 0.05);
    EXPECT_GE(report->preference.band->band[i].high, fitted - 0.05);
  }
  ASSERT_FALSE(report->phases.empty());
  EXPECT_EQ(report->phases.front().low, -4);
  EXPECT_EQ(report->phases.back().high, 4);
  EXPECT_TRUE(report->phases_missing.empty());
}

TEST(CurveReportTest, ARecommendationIsMadeFromTheSamePoints) {
  const auto curves = ToSignalCurves(Points(12));
  ASSERT_TRUE(curves.ok()) << curves.status();
  const auto recommended = RecommendWithinBudget(*curves, 0.2, Direction::kMorePreference);
  ASSERT_TRUE(recommended.ok()) << recommended.status();
  EXPECT_TRUE(recommended->feasible);
  EXPECT_GT(recommended->prediction.multiplier, 0);
  EXPECT_LE(recommended->prediction.utility_loss, 0.2 + 1e-6);
}

}  // namespace
}  // namespace steer

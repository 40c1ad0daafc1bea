#include "core/analysis/odds.h"

#include <cmath>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

// The table of the paper's notes: L_p, L_n, UtilOdds; the last pair's masses sum to 1.155.
TEST(OddsTest, UtilityFollowsTheFormula) {
  struct Row {
    double positive, negative, utility;
  };
  for (const Row& row :
       {Row{1.0, 1.2, 0.7040}, Row{2.0, 2.0, -0.9912}, Row{0.2, 3.0, 1.8879}, Row{60, 80, -60.0}}) {
    const PairOdds odds = ComputeOdds(row.positive, row.negative);
    EXPECT_DOUBLE_EQ(odds.preference, row.negative - row.positive);
    ASSERT_TRUE(odds.utility.has_value());
    EXPECT_NEAR(*odds.utility, row.utility, 5e-5) << row.positive << ", " << row.negative;
  }
}

TEST(OddsTest, UtilityIsUndefinedWhereTheMassesReachOne) {
  EXPECT_FALSE(ComputeOdds(0.5, 0.6).utility.has_value());
  EXPECT_FALSE(ComputeOdds(std::log(2.0), std::log(2.0)).utility.has_value());  // a = 0
  EXPECT_FALSE(ComputeOdds(0.0, 0.0).utility.has_value());
}

TEST(OddsTest, SurvivesExtremeLosses) {
  const PairOdds far = ComputeOdds(5000, 6000);  // exp underflows a double
  EXPECT_DOUBLE_EQ(far.preference, 1000);
  ASSERT_TRUE(far.utility.has_value());
  EXPECT_NEAR(*far.utility, -5000, 1e-9);
  const PairOdds sure = ComputeOdds(1e-12, 800);  // 1 - exp(a) without cancellation
  ASSERT_TRUE(sure.utility.has_value());
  EXPECT_NEAR(*sure.utility, -std::log(1e-12), 1e-3);
}

TEST(OddsTest, ExchangingTheAnswersFlipsPreferenceAndKeepsUtility) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> loss(0.8, 90);
  for (int i = 0; i < 1000; ++i) {
    const double a = loss(random), b = loss(random);
    const PairOdds one = ComputeOdds(a, b), other = ComputeOdds(b, a);
    EXPECT_DOUBLE_EQ(one.preference, -other.preference);
    EXPECT_EQ(one.utility, other.utility);
  }
}

TEST(OddsTest, LossIsSumOrMean) {
  const std::vector<double> log_probs = {-1.0, -2.5, -0.5};
  EXPECT_DOUBLE_EQ(AnswerLoss(log_probs, LossMode::kSum), 4.0);
  EXPECT_DOUBLE_EQ(AnswerLoss(log_probs, LossMode::kMean), 4.0 / 3);
}

TEST(OddsTest, SummaryAveragesUtilityOverDefinedPairsOnly) {
  const std::vector<PairOdds> pairs = {ComputeOdds(1.0, 1.2), ComputeOdds(0.5, 0.6),
                                       ComputeOdds(2.0, 1.0)};
  const OddsSummary summary = Summarise(pairs);
  EXPECT_EQ(summary.pairs, 3);
  EXPECT_EQ(summary.utility_valid, 2);
  EXPECT_NEAR(summary.preference, (0.2 + 0.1 - 1.0) / 3, 1e-12);
  EXPECT_NEAR(*summary.utility, (*pairs[0].utility + *pairs[2].utility) / 2, 1e-12);
  EXPECT_NEAR(summary.preference_positive_rate, 2.0 / 3, 1e-12);
  EXPECT_FALSE(Summarise(std::vector<PairOdds>{ComputeOdds(0.1, 0.1)}).utility.has_value());
}

TEST(OddsTest, BootstrapCoversTheMeanAsOftenAsItClaims) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal(3.0, 2.0);
  int covered = 0;
  constexpr int kTrials = 300;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values(60);
    for (double& value : values) value = normal(random);
    const Interval interval = BootstrapMean(values, 0.95, 400, trial);
    EXPECT_LT(interval.low, interval.high);
    covered += interval.low <= 3.0 && 3.0 <= interval.high;
  }
  // 95 % of 300 is 285 with a standard deviation of about 4; small samples cover a little less.
  EXPECT_GE(covered, 265);
  EXPECT_LE(covered, 298);
}

TEST(OddsTest, BootstrapIsDecidedByItsSeed) {
  const std::vector<double> values = {1, 2, 3, 4, 10};
  EXPECT_EQ(BootstrapMean(values, 0.9, 500, 5).low, BootstrapMean(values, 0.9, 500, 5).low);
  const Interval one = BootstrapMean(std::vector<double>{2.5}, 0.95, 10, 1);
  EXPECT_EQ(one.low, 2.5);
  EXPECT_EQ(one.high, 2.5);
}

}  // namespace
}  // namespace steer

#include "core/learn/training_schedule.h"

#include <limits>
#include <map>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

std::vector<TrainingRow> Rows(const TrainingSchedule& schedule, int steps) {
  std::vector<TrainingRow> rows;
  for (int step = 0; step < steps; ++step) {
    for (const Minibatch& minibatch : schedule.At(step))
      rows.insert(rows.end(), minibatch.begin(), minibatch.end());
  }
  return rows;
}

TEST(TrainingScheduleTest, EveryPairComesOnceInAnEpochWithEverySign) {
  const TrainingSchedule schedule(5, {.batch = 2, .accumulation = 1});
  EXPECT_EQ(schedule.rows_per_epoch(), 10);
  EXPECT_EQ(schedule.StepsOf(1), 5);
  const std::vector<TrainingRow> rows = Rows(schedule, 10);
  for (const int epoch : {0, 1}) {
    std::set<std::pair<int, int>> seen;
    for (int i = 0; i < 10; ++i) seen.emplace(rows[10 * epoch + i].pair, rows[10 * epoch + i].sign);
    EXPECT_EQ(seen.size(), 10U) << "epoch " << epoch;
  }
  const auto same_order = [&](int i) {
    return rows[i].pair == rows[i + 10].pair && rows[i].sign == rows[i + 10].sign;
  };
  bool all = true;
  for (int i = 0; i < 10; ++i) all = all && same_order(i);
  EXPECT_FALSE(all) << "the second epoch has an order of its own";
}

TEST(TrainingScheduleTest, AMinibatchGoesOnAcrossEpochs) {
  const TrainingSchedule schedule(3, {.batch = 2, .use = PairUse::kAdd});
  EXPECT_EQ(schedule.StepsOf(1), 2);  // rounded up
  std::map<int, int> counts;
  for (const TrainingRow& row : Rows(schedule, 3)) ++counts[row.pair];
  EXPECT_EQ(counts, (std::map<int, int>{{0, 2}, {1, 2}, {2, 2}}));
}

TEST(TrainingScheduleTest, AccumulationMakesMinibatchesOfAStep) {
  const TrainingSchedule schedule(4, {.batch = 2, .accumulation = 3});
  const TrainingStep step = schedule.At(0);
  ASSERT_EQ(step.size(), 3U);
  for (const Minibatch& minibatch : step) EXPECT_EQ(minibatch.size(), 2U);
  EXPECT_EQ(schedule.StepsOf(3), 4);
}

TEST(TrainingScheduleTest, FactorsHaveTheirSignAndAreDrawnApart) {
  const TrainingSchedule schedule(7, {.batch = 4, .factors = {0.5, 1, 2}});
  std::map<double, int> winning;
  int apart = 0;
  for (const TrainingRow& row : Rows(schedule, 150)) {
    EXPECT_GT(row.winning_factor * row.sign, 0);
    EXPECT_GT(row.losing_factor * row.sign, 0);
    ++winning[row.winning_factor * row.sign];
    if (row.winning_factor != row.losing_factor) ++apart;
  }
  ASSERT_EQ(winning.size(), 3U);
  for (const auto& [factor, count] : winning) EXPECT_NEAR(count, 200, 50) << factor;
  EXPECT_NEAR(apart, 400, 60);
}

TEST(TrainingScheduleTest, UseDecidesTheSigns) {
  for (const TrainingRow& row : Rows(TrainingSchedule(3, {.use = PairUse::kAdd}), 4))
    EXPECT_EQ(row.sign, 1);
  for (const TrainingRow& row : Rows(TrainingSchedule(3, {.use = PairUse::kSubtract}), 4))
    EXPECT_EQ(row.sign, -1);
}

TEST(TrainingScheduleTest, AStepIsAFunctionOfTheSeedAlone) {
  const auto equal = [](const TrainingSchedule& a, const TrainingSchedule& b) {
    const TrainingStep one = a.At(17), two = b.At(17);
    for (size_t i = 0; i < one[0].size(); ++i) {
      if (one[0][i].pair != two[0][i].pair || one[0][i].winning_factor != two[0][i].winning_factor)
        return false;
    }
    return true;
  };
  const ScheduleParams params = {.factors = {1, 2, 3, 4}};
  ScheduleParams other = params;
  other.seed = 43;
  TrainingSchedule walked(9, params);
  for (int step = 0; step < 17; ++step) walked.At(step);
  EXPECT_TRUE(equal(walked, TrainingSchedule(9, params)));
  EXPECT_FALSE(equal(walked, TrainingSchedule(9, other)));
}

TEST(TrainingScheduleTest, WhatMakesNoScheduleIsRefused) {
  EXPECT_TRUE(Validate(ScheduleParams{}).ok());
  EXPECT_THAT(Validate(ScheduleParams{.batch = 0}).ToString(), HasSubstr("batch"));
  EXPECT_THAT(Validate(ScheduleParams{.accumulation = 0}).ToString(), HasSubstr("accumulation"));
  EXPECT_THAT(Validate(ScheduleParams{.factors = {}}).ToString(), HasSubstr("factors"));
  for (const double bad : {0.0, -1.0, 2e6, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(Validate(ScheduleParams{.factors = {1, bad}}).ToString(), HasSubstr("factors[1]"))
        << bad;
  }
}

}  // namespace
}  // namespace steer

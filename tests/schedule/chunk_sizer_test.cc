#include "core/schedule/chunk_sizer.h"

#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace steer {
namespace {

constexpr double kFixed = 0.010;
constexpr double kPerRow = 0.001;

double Cost(int rows) { return kFixed + kPerRow * rows; }

void Teach(ChunkSizer& sizer, int steps, double factor = 1) {
  for (int i = 0; i < steps; ++i) {
    const int rows = 1 + 7 * (i % 9);
    sizer.Observe(rows, factor * Cost(rows));
  }
}

TEST(ChunkSizerTest, NothingIsBoundedBeforeItIsKnown) {
  ChunkSizer sizer(0.001);
  EXPECT_EQ(sizer.RowsWithin(512), 512);
  EXPECT_EQ(sizer.SecondsPerRow(), 0);
  EXPECT_EQ(sizer.Seconds(100), 0);
  Teach(sizer, 7);
  EXPECT_EQ(sizer.RowsWithin(512), 512);
}

TEST(ChunkSizerTest, LearnsWhatAStepAndWhatARowCosts) {
  ChunkSizer sizer(0.050);
  Teach(sizer, 60);
  EXPECT_NEAR(sizer.SecondsPerRow(), kPerRow, 1e-9);
  EXPECT_NEAR(sizer.Seconds(100), Cost(100), 1e-9);
  EXPECT_NEAR(sizer.RowsWithin(512), 40, 1);
  EXPECT_EQ(sizer.RowsWithin(5), 5);
}

TEST(ChunkSizerTest, ABoundBelowTheFixedPartLeavesNothing) {
  ChunkSizer sizer(0.009);
  Teach(sizer, 60);
  EXPECT_EQ(sizer.RowsWithin(512), 0);
}

TEST(ChunkSizerTest, WithoutABoundItOnlyLearns) {
  ChunkSizer sizer(0);
  Teach(sizer, 60);
  EXPECT_EQ(sizer.RowsWithin(512), 512);
  EXPECT_NEAR(sizer.SecondsPerRow(), kPerRow, 1e-9);
}

TEST(ChunkSizerTest, StepsOfOneSizeBoundTheNextOnesButDoNotTellWhatARowCosts) {
  ChunkSizer sizer(0.050);
  for (int i = 0; i < 50; ++i) sizer.Observe(1, Cost(1));
  EXPECT_EQ(sizer.SecondsPerRow(), 0);
  EXPECT_EQ(sizer.Seconds(1000), 0);
  EXPECT_EQ(sizer.RowsWithin(512), 4);  // as if all of it were the row's
  sizer.Observe(17, Cost(17));
  EXPECT_NEAR(sizer.SecondsPerRow(), kPerRow, 1e-9);
  EXPECT_NEAR(sizer.RowsWithin(512), 40, 1);
}

TEST(ChunkSizerTest, WhatARowCostsIsRememberedThroughALongTimeOfEqualSteps) {
  ChunkSizer sizer(0.050);
  Teach(sizer, 60);
  for (int i = 0; i < 3000; ++i) sizer.Observe(2, Cost(2));
  EXPECT_NEAR(sizer.SecondsPerRow(), kPerRow, 1e-5);
  EXPECT_NEAR(sizer.RowsWithin(512), 40, 1);
}

TEST(ChunkSizerTest, FollowsAMachineThatChangesItsSpeed) {
  ChunkSizer sizer(0.050);
  Teach(sizer, 60);
  Teach(sizer, 600, 3);
  EXPECT_NEAR(sizer.SecondsPerRow(), 3 * kPerRow, 1e-5);
  EXPECT_NEAR(sizer.RowsWithin(512), 6, 1);
}

TEST(ChunkSizerTest, NoiseAndOddTimesLeaveALineThatRises) {
  ChunkSizer sizer(0.050);
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    const int rows = 1 + static_cast<int>(random() % 60);
    sizer.Observe(rows, Cost(rows) * (0.5 + static_cast<double>(random() % 1000) / 1000));
    EXPECT_GE(sizer.SecondsPerRow(), 0);
    EXPECT_GE(sizer.RowsWithin(64), 0);
    EXPECT_LE(sizer.RowsWithin(64), 64);
    EXPECT_LE(sizer.Seconds(10), sizer.Seconds(20));
  }
  EXPECT_NEAR(sizer.SecondsPerRow(), kPerRow, 0.5 * kPerRow);
  const double before = sizer.SecondsPerRow();
  sizer.Observe(0, 1);
  sizer.Observe(10, 0);
  sizer.Observe(10, -1);
  sizer.Observe(10, std::numeric_limits<double>::quiet_NaN());
  sizer.Observe(10, std::numeric_limits<double>::infinity());
  EXPECT_EQ(sizer.SecondsPerRow(), before);
}

TEST(ChunkSizerTest, WhatFallsWithTheRowsIsTakenAsAMean) {
  ChunkSizer sizer(0.050);
  for (int i = 0; i < 60; ++i) sizer.Observe(1 + i % 10, 0.1 - 0.005 * (i % 10));
  EXPECT_GT(sizer.SecondsPerRow(), 0);
  EXPECT_GE(sizer.RowsWithin(64), 1);
}

}  // namespace
}  // namespace steer

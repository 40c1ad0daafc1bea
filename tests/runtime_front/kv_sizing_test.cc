#include "core/runtime/kv_sizing.h"

#include <numeric>
#include <random>

#include "gtest/gtest.h"

namespace steer {
namespace {

// Gemma-like: most layers see 512 positions.
KvDemand Mixed() {
  return {.groups = {{.window = 512, .block_bytes = 500}, {.window = 0, .block_bytes = 100}},
          .context_limit = 32768,
          .max_sequences = 64,
          .step_tokens = 512,
          .block_size = 16};
}

int64_t Cost(const KvDemand& demand, const std::vector<BlockGroup>& groups) {
  int64_t bytes = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    bytes += groups[i].block_count * demand.groups[i].block_bytes;
  }
  return bytes;
}

int Fitting(const KvDemand& demand, const std::vector<BlockGroup>& groups) {
  return PositionsThatFit(groups, demand.context_limit, demand.step_tokens, demand.block_size);
}

TEST(KvSizingTest, OneGroupGetsEverything) {
  for (const int window : {0, 512}) {
    KvDemand demand = Mixed();
    demand.groups = {{.window = window, .block_bytes = 100}};
    for (const int64_t bytes : {100, 199, 5000, 10'000'000}) {
      EXPECT_EQ(ShareKvBytes(demand, bytes)[0].block_count, bytes / 100);
      EXPECT_EQ(ShareKvBytes(demand, bytes)[0].window, window);
    }
    EXPECT_TRUE(ShareKvBytes(demand, 99).empty());
  }
}

TEST(KvSizingTest, WindowedGroupsGetWhatAllSequencesCanUseTheOthersTheRest) {
  const KvDemand demand = Mixed();
  // 34 blocks for each sequence and 32 for the rows of a step.
  const int windowed = 64 * 34 + 32;
  const int full = 64 * 2048;
  EXPECT_EQ(MostKvBytes(demand), windowed * 500 + full * 100);
  const std::vector<BlockGroup> most = ShareKvBytes(demand, MostKvBytes(demand));
  EXPECT_EQ(most[0].block_count, windowed);
  EXPECT_EQ(most[1].block_count, full);
  const std::vector<BlockGroup> less = ShareKvBytes(demand, MostKvBytes(demand) / 2);
  EXPECT_EQ(less[0].block_count, windowed);
  EXPECT_NEAR(less[1].block_count, full - MostKvBytes(demand) / 200, 1);
}

TEST(KvSizingTest, WhereMemoryIsShortBothGrowBeyondOneContext) {
  const KvDemand demand = Mixed();
  // ceil((512 + 512 - 2) / 16) + 1 blocks and a full context.
  const int64_t one = 65 * 500 + 2048 * 100;
  EXPECT_EQ(ShareKvBytes(demand, one)[0].block_count, 65);
  EXPECT_EQ(ShareKvBytes(demand, one)[1].block_count, 2048);
  const std::vector<BlockGroup> groups = ShareKvBytes(demand, one + 100'000);
  EXPECT_EQ(groups[0].block_count, 65 + 100);
  EXPECT_EQ(groups[1].block_count, 2048 + 500);
}

TEST(KvSizingTest, WhatDoesNotHoldAContextHoldsTheLongestItCan) {
  const KvDemand demand = Mixed();
  const std::vector<BlockGroup> groups = ShareKvBytes(demand, 65 * 500 + 200 * 100);
  EXPECT_EQ(groups[0].block_count, 65);
  EXPECT_EQ(groups[1].block_count, 200);
  EXPECT_EQ(Fitting(demand, groups), 3200);
  // Shorter than a window: as many blocks of each.
  EXPECT_EQ(Fitting(demand, ShareKvBytes(demand, 600 * 10)), 160);
  EXPECT_TRUE(ShareKvBytes(demand, 599).empty());
}

TEST(KvSizingTest, NeverMoreThanThereIsAndNeverASequenceThatDoesNotFit) {
  std::mt19937 random(1);
  const auto below = [&](int n) { return static_cast<int>(random() % n); };
  for (int i = 0; i < 2000; ++i) {
    KvDemand demand{.context_limit = 1 + below(5000),
                    .max_sequences = 1 + below(70),
                    .step_tokens = 1 + below(600),
                    .block_size = 1 + below(32)};
    int64_t block_each = 0;
    for (int group = below(3); group >= 0; --group) {
      demand.groups.push_back({below(2) * below(6000), 1 + below(1000)});
      block_each += demand.groups.back().block_bytes;
    }
    int last = 0;
    for (int64_t bytes = block_each; bytes < 2 * MostKvBytes(demand); bytes += 1 + 2 * bytes) {
      const std::vector<BlockGroup> groups = ShareKvBytes(demand, bytes);
      ASSERT_EQ(groups.size(), demand.groups.size());
      EXPECT_LE(Cost(demand, groups), bytes);
      EXPECT_GE(Fitting(demand, groups), std::max(1, last));
      last = Fitting(demand, groups);
    }
    const std::vector<BlockGroup> groups = ShareKvBytes(demand, MostKvBytes(demand));
    EXPECT_EQ(Fitting(demand, groups), demand.context_limit);
  }
}

}  // namespace
}  // namespace steer

#include "core/schedule/block_pool.h"

#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

TEST(BlockPoolTest, AllOrNothing) {
  BlockPool pool(3, 16);
  EXPECT_EQ(pool.total(), 3);
  EXPECT_FALSE(pool.Allocate(4).has_value());
  EXPECT_EQ(pool.used(), 0);
  EXPECT_THAT(*pool.Allocate(3), ::testing::UnorderedElementsAre(0, 1, 2));
  EXPECT_FALSE(pool.Allocate(1).has_value());
  EXPECT_TRUE(pool.Allocate(0)->empty());
}

TEST(BlockPoolTest, CountsBlocksOfPositions) {
  const BlockPool pool(1, 16);
  EXPECT_EQ(pool.BlocksFor(0), 0);
  EXPECT_EQ(pool.BlocksFor(1), 1);
  EXPECT_EQ(pool.BlocksFor(16), 1);
  EXPECT_EQ(pool.BlocksFor(17), 2);
  EXPECT_EQ(pool.BlocksFor(2147483647), 134217728);
}

TEST(BlockPoolTest, NoBlockIsHandedOutTwice) {
  constexpr int kBlocks = 40;
  BlockPool pool(kBlocks, 4);
  std::mt19937 random(1);
  std::vector<std::vector<int>> held;
  std::set<int> out;
  for (int step = 0; step < 5000; ++step) {
    if (random() % 2 == 0 || held.empty()) {
      auto blocks = pool.Allocate(static_cast<int>(random() % 9));
      if (!blocks) continue;
      for (const int block : *blocks) {
        EXPECT_GE(block, 0);
        EXPECT_LT(block, kBlocks);
        EXPECT_TRUE(out.insert(block).second);
      }
      held.push_back(*std::move(blocks));
    } else {
      const size_t index = random() % held.size();
      for (const int block : held[index]) out.erase(block);
      pool.Free(held[index]);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
    }
    EXPECT_EQ(pool.used(), static_cast<int>(out.size()));
  }
}

TEST(BlockPoolDeathTest, FreeingWhatIsFreeIsABug) {
  BlockPool pool(2, 4);
  const std::vector<int> blocks = *pool.Allocate(1);
  pool.Free(blocks);
  EXPECT_DEATH(pool.Free(blocks), "check failed");
}

}  // namespace
}  // namespace steer

#include "core/schedule/block_pool.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::UnorderedElementsAre;

BlockKey Key(uint64_t number) { return {.words = {number, 1, 2, 3}}; }

TEST(BlockPoolTest, HandsOutEachBlockOnce) {
  BlockPool pool(3, 16);
  EXPECT_EQ(pool.total(), 3);
  EXPECT_EQ(pool.available(), 3);
  const int a = *pool.Allocate(), b = *pool.Allocate(), c = *pool.Allocate();
  EXPECT_THAT((std::vector{a, b, c}), UnorderedElementsAre(0, 1, 2));
  EXPECT_FALSE(pool.Allocate().has_value());
  EXPECT_EQ(pool.used(), 3);
  pool.Release(b);
  EXPECT_EQ(pool.used(), 2);
  EXPECT_EQ(pool.Allocate(), b);
}

TEST(BlockPoolTest, AnEmptyPoolHasNothing) {
  BlockPool pool(0, 16);
  EXPECT_FALSE(pool.Allocate().has_value());
  EXPECT_FALSE(pool.Find(Key(1)).has_value());
}

TEST(BlockPoolTest, CountsBlocksOfPositions) {
  const BlockPool pool(1, 16);
  EXPECT_EQ(pool.BlocksFor(0), 0);
  EXPECT_EQ(pool.BlocksFor(1), 1);
  EXPECT_EQ(pool.BlocksFor(16), 1);
  EXPECT_EQ(pool.BlocksFor(17), 2);
  EXPECT_EQ(pool.BlocksFor(2147483647), 134217728);
}

TEST(BlockPoolTest, AFullBlockIsFoundByManyAndOutlivesThem) {
  BlockPool pool(2, 16);
  const int block = *pool.Allocate();
  EXPECT_FALSE(pool.Holds(Key(1)));
  pool.Publish(block, Key(1));
  EXPECT_TRUE(pool.Holds(Key(1)));
  EXPECT_EQ(pool.Find(Key(1)), block);
  EXPECT_EQ(pool.Find(Key(2)), std::nullopt);
  EXPECT_EQ(pool.used(), 1);
  pool.Release(block);
  EXPECT_TRUE(pool.InUse(Key(1)));
  EXPECT_EQ(pool.cached(), 0);
  pool.Release(block);
  EXPECT_FALSE(pool.InUse(Key(1)));
  EXPECT_EQ(pool.used(), 0);
  EXPECT_EQ(pool.cached(), 1);
  EXPECT_EQ(pool.available(), 2);
  EXPECT_EQ(pool.Find(Key(1)), block);
  EXPECT_EQ(pool.cached(), 0);
  EXPECT_TRUE(pool.InUse(Key(1)));
}

TEST(BlockPoolTest, TheFirstThatHoldsAKeyStaysTheOneToBeFound) {
  BlockPool pool(2, 16);
  const int first = *pool.Allocate(), second = *pool.Allocate();
  pool.Publish(first, Key(1));
  pool.Publish(second, Key(1));
  pool.Publish(first, Key(2));  // it holds what it holds
  EXPECT_FALSE(pool.Holds(Key(2)));
  EXPECT_EQ(pool.Find(Key(1)), first);
  pool.Release(second);
  EXPECT_EQ(pool.cached(), 0);  // nobody would find it
}

TEST(BlockPoolTest, EmptyBlocksGoFirstThenTheLeastRecentlyUsed) {
  BlockPool pool(4, 16);
  std::vector<int> blocks;
  for (int i = 0; i < 3; ++i) {
    blocks.push_back(*pool.Allocate());
    pool.Publish(blocks.back(), Key(i));
  }
  for (const int i : {1, 0, 2}) pool.Release(blocks[i]);
  pool.Release(*pool.Find(Key(1)));  // used again: now the latest
  EXPECT_EQ(pool.cached(), 3);
  EXPECT_THAT(blocks, ::testing::Not(::testing::Contains(*pool.Allocate())));
  EXPECT_EQ(pool.cached(), 3);
  for (const int i : {0, 2, 1}) {
    EXPECT_TRUE(pool.Holds(Key(i)));
    EXPECT_EQ(pool.Allocate(), blocks[i]);
    EXPECT_FALSE(pool.Holds(Key(i)));
  }
  EXPECT_FALSE(pool.Allocate().has_value());
}

TEST(BlockPoolTest, OfASequenceTheEndIsForgottenFirst) {
  BlockPool pool(3, 16);
  std::vector<int> blocks;
  for (int i = 0; i < 3; ++i) {
    blocks.push_back(*pool.Allocate());
    pool.Publish(blocks.back(), Key(i));
  }
  pool.Release(blocks);
  for (const int i : {2, 1, 0}) EXPECT_EQ(pool.Allocate(), blocks[i]);
}

TEST(BlockPoolTest, TheIndexHearsOfEveryKey) {
  const auto index = std::make_shared<PrefixIndex>();
  BlockPool pool(1, 16, index);
  const std::vector<BlockKey> key = {Key(5)};
  const int block = *pool.Allocate();
  pool.Publish(block, Key(5));
  EXPECT_EQ(index->Match(key), 1);
  pool.Release(block);
  EXPECT_EQ(index->Match(key), 1);
  EXPECT_EQ(pool.Allocate(), block);
  EXPECT_EQ(index->Match(key), 0);
}

// Random use against a count of who holds what.
TEST(BlockPoolTest, NoBlockIsLostOrHandedOutTwice) {
  constexpr int kBlocks = 20;
  BlockPool pool(kBlocks, 4);
  std::mt19937 random(1);
  std::vector<int> held;           // one entry per user
  std::map<int, uint64_t> key_of;  // of blocks that were published
  for (int step = 0; step < 20000; ++step) {
    const uint64_t key = random() % 30;
    switch (random() % 4) {
      case 0:
        if (const std::optional<int> block = pool.Allocate()) {
          EXPECT_EQ(std::count(held.begin(), held.end(), *block), 0);
          key_of.erase(*block);
          held.push_back(*block);
        } else {
          EXPECT_EQ(std::set<int>(held.begin(), held.end()).size(), size_t{kBlocks});
        }
        break;
      case 1:
        if (const std::optional<int> block = pool.Find(Key(key))) {
          EXPECT_EQ(key_of.at(*block), key);
          held.push_back(*block);
        }
        break;
      case 2:
        if (held.empty()) break;
        if (const int block = held[random() % held.size()]; !key_of.contains(block)) {
          if (!pool.Holds(Key(key))) key_of[block] = key;
          pool.Publish(block, Key(key));
        }
        break;
      default:
        if (held.empty()) break;
        const size_t index = random() % held.size();
        pool.Release(held[index]);
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
    }
    const std::set<int> in_use(held.begin(), held.end());
    EXPECT_EQ(pool.used(), static_cast<int>(in_use.size()));
    const auto cached = std::count_if(key_of.begin(), key_of.end(), [&](const auto& entry) {
      return !in_use.contains(entry.first);
    });
    EXPECT_EQ(pool.cached(), cached);
    EXPECT_LE(pool.used() + pool.cached(), kBlocks);
  }
}

TEST(BlockPoolDeathTest, ReleasingWhatIsFreeIsABug) {
  BlockPool pool(2, 4);
  const int block = *pool.Allocate();
  pool.Release(block);
  EXPECT_DEATH(pool.Release(block), "check failed");
  EXPECT_DEATH(pool.Release(7), "check failed");
  EXPECT_DEATH(pool.Publish(block, Key(1)), "check failed");
}

}  // namespace
}  // namespace steer

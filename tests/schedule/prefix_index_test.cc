#include "core/schedule/prefix_index.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace steer {
namespace {

std::vector<BlockKey> Keys(int count) {
  std::vector<BlockKey> keys;
  for (int i = 0; i < count; ++i) keys.push_back({.words = {static_cast<uint64_t>(i), 0, 0, 0}});
  return keys;
}

TEST(PrefixIndexTest, MatchesUpToTheFirstThatIsMissing) {
  const std::vector<BlockKey> keys = Keys(4);
  PrefixIndex index;
  EXPECT_EQ(index.Match({}), 0);
  EXPECT_EQ(index.Match(keys), 0);
  index.Add(keys[0]);
  index.Add(keys[1]);
  index.Add(keys[3]);
  EXPECT_EQ(index.Match(keys), 2);
  index.Add(keys[2]);
  EXPECT_EQ(index.Match(keys), 4);
  index.Remove(keys[0]);
  EXPECT_EQ(index.Match(keys), 0);
}

TEST(PrefixIndexTest, KeysThatDifferInAnyWordAreOthers) {
  PrefixIndex index;
  index.Add({.words = {1, 2, 3, 4}});
  EXPECT_EQ(index.Match(std::vector<BlockKey>{{.words = {1, 2, 3, 4}}}), 1);
  EXPECT_EQ(index.Match(std::vector<BlockKey>{{.words = {1, 2, 3, 5}}}), 0);
}

TEST(PrefixIndexTest, OfAGroupWithAWindowOnlyWhatTheNextPositionSeesCounts) {
  const std::vector<BlockKey> keys = Keys(6);
  // The position after n blocks of four sees the last two of them.
  PrefixIndex index({{.window = 0}, {.window = 8}}, 4);
  for (const BlockKey& key : keys) index.Add(key, 0);
  EXPECT_EQ(index.Match(keys), 0);
  index.Add(keys[0], 1);
  EXPECT_EQ(index.Match(keys), 1);
  index.Add(keys[3], 1);
  index.Add(keys[4], 1);
  EXPECT_EQ(index.Match(keys), 5);
  EXPECT_EQ(index.Match(std::span<const BlockKey>(keys).first(4)), 1);
  index.Remove(keys[4], 0);
  EXPECT_EQ(index.Match(keys), 1);
}

TEST(PrefixIndexTest, IsReadWhileItIsWritten) {
  const std::vector<BlockKey> keys = Keys(100);
  PrefixIndex index;
  std::thread writer([&] {
    for (const BlockKey& key : keys) index.Add(key);
  });
  int matched = 0;
  while (matched < 100) {
    const int now = index.Match(keys);
    EXPECT_GE(now, matched);
    matched = now;
    std::this_thread::yield();
  }
  writer.join();
}

}  // namespace
}  // namespace steer

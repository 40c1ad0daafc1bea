#include "core/schedule/block_group.h"

#include <random>
#include <set>

#include "gtest/gtest.h"

namespace steer {
namespace {

TEST(BlockGroupTest, AWindowReachesBackWindowLessOnePositions) {
  EXPECT_EQ(FirstBlockSeen(0, 1000, 4), 0);
  EXPECT_EQ(FirstBlockSeen(1, 7, 4), 1);
  EXPECT_EQ(FirstBlockSeen(1, 8, 4), 2);
  EXPECT_EQ(FirstBlockSeen(5, 7, 4), 0);
  EXPECT_EQ(FirstBlockSeen(5, 8, 4), 1);  // 4, 5, 6, 7 and itself
  EXPECT_EQ(FirstBlockSeen(5, 11, 4), 1);
  EXPECT_EQ(FirstBlockSeen(5, 12, 4), 2);
  EXPECT_EQ(FirstBlockSeen(100, 12, 4), 0);
}

TEST(BlockGroupTest, MostBlocksIsWhatSomeStepHolds) {
  for (const int window : {1, 2, 3, 4, 5, 8, 9, 30}) {
    for (const int step_tokens : {1, 2, 4, 7, 30}) {
      for (const int positions : {1, 10, 29, 100}) {
        int most = 0;
        for (int begin = 0; begin < positions; ++begin) {
          const int end = std::min(positions, begin + step_tokens);
          most = std::max(most, (end + 3) / 4 - FirstBlockSeen(window, begin, 4));
        }
        EXPECT_EQ(MostBlocks(window, positions, step_tokens, 4), most)
            << window << " " << step_tokens << " " << positions;
      }
    }
  }
  EXPECT_EQ(MostBlocks(0, 101, 7, 4), 26);
}

TEST(BlockGroupTest, ASequenceFitsAsFarAsEveryGroupHasRoom) {
  EXPECT_EQ(PositionsThatFit(std::vector<BlockGroup>{{0, 10}}, 100, 8, 4), 40);
  EXPECT_EQ(PositionsThatFit(std::vector<BlockGroup>{{0, 30}}, 100, 8, 4), 100);
  // ceil((5 + 8 - 2) / 4) + 1 blocks are enough for ever, fewer only for so many positions.
  EXPECT_EQ(PositionsThatFit(std::vector<BlockGroup>{{5, 4}}, 1000, 8, 4), 1000);
  EXPECT_EQ(PositionsThatFit(std::vector<BlockGroup>{{5, 3}}, 1000, 8, 4), 12);
  EXPECT_EQ(PositionsThatFit(std::vector<BlockGroup>{{5, 4}, {0, 100}}, 1000, 8, 4), 400);
  EXPECT_EQ(PositionsThatFit(std::vector<BlockGroup>{{0, 100}, {5, 3}}, 1000, 8, 4), 12);
}

TEST(BlockGroupTest, ReusableIsTheLongestPrefixOfWhichNothingThatIsSeenIsMissing) {
  std::mt19937 random(3);
  int with_gaps = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<BlockGroup> groups(1 + random() % 3);
    for (BlockGroup& group : groups) group.window = static_cast<int>(random() % 2 * random() % 40);
    const int begin = static_cast<int>(random() % 5);
    const int end = begin + static_cast<int>(random() % 20);
    std::set<std::pair<size_t, int>> missing;
    for (int n = static_cast<int>(random() % 8); n > 0; --n) {
      missing.emplace(random() % groups.size(), random() % 25);
    }
    const auto may_end_at = [&](int next) {
      for (size_t group = 0; group < groups.size(); ++group) {
        for (int block = begin; block < next; ++block) {
          const int last_seen_by = block * 4 + 3 + groups[group].window - 1;
          const bool is_seen = groups[group].window == 0 || next * 4 <= last_seen_by;
          if (is_seen && missing.count({group, block}) > 0) return false;
        }
      }
      return true;
    };
    int longest = begin;
    for (int next = begin; next <= end; ++next) longest = may_end_at(next) ? next : longest;
    const auto holds = [&](size_t group, int block) { return missing.count({group, block}) == 0; };
    EXPECT_EQ(ReusableEnd(groups, 4, begin, end, holds), longest);
    for (int block = begin; block < longest; ++block) {
      if (!holds(0, block)) ++with_gaps;
    }
  }
  EXPECT_GT(with_gaps, 100);
}

}  // namespace
}  // namespace steer

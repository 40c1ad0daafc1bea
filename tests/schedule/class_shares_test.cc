#include "core/schedule/class_shares.h"

#include <random>

#include "gtest/gtest.h"

namespace steer {
namespace {

class ClassSharesTest : public ::testing::TestWithParam<double> {};

// Both classes have more than a step can run: the background gets its share, however small the
// steps, and is never further from it than the bound says.
TEST_P(ClassSharesTest, TheShareIsKeptWhateverTheRounding) {
  for (const int budget : {1, 2, 3, 7, 64}) {
    ClassShares shares(GetParam(), budget);
    double background = 0;
    for (int step = 1; step <= 4000; ++step) {
      const int reserved = shares.Reserved(budget);
      EXPECT_GE(reserved, 0);
      EXPECT_LE(reserved, budget);
      shares.Ran(budget - reserved, reserved);
      background += reserved;
      EXPECT_NEAR(background, GetParam() * budget * step, GetParam() * budget + 1);
    }
  }
}

// What may be added to an interactive part that leaves room, fractions of a row included.
TEST_P(ClassSharesTest, BesideASmallPartTheRestOfItIsAdded) {
  for (const int interactive : {1, 4, 50}) {
    ClassShares shares(GetParam(), 4096);
    double background = 0;
    for (int step = 1; step <= 4000; ++step) {
      const int beside = shares.Beside(interactive);
      shares.Ran(interactive, beside);
      background += beside;
    }
    EXPECT_NEAR(background / (background + 4000.0 * interactive), GetParam(), 0.001);
  }
}

INSTANTIATE_TEST_SUITE_P(Shares, ClassSharesTest, ::testing::Values(0.01, 0.1, 0.25, 0.5, 0.9));

TEST(ClassSharesTest, ALongTimeOfOneKindDoesNotDecideOverALongTimeAfterIt) {
  ClassShares shares(0.25, 8);
  EXPECT_FALSE(shares.is_background_turn());
  for (int step = 0; step < 1000; ++step) shares.Ran(8, 0);
  EXPECT_TRUE(shares.is_background_turn());
  // At most four steps are owed.
  int steps = 0;
  for (; shares.is_background_turn(); ++steps) shares.Ran(0, 8);
  EXPECT_LE(steps, 2);
  for (int step = 0; step < 1000; ++step) shares.Ran(0, 8);
  for (steps = 0; !shares.is_background_turn(); ++steps) shares.Ran(8, 0);
  EXPECT_LE(steps, 5);
  shares.Reset();
  EXPECT_FALSE(shares.is_background_turn());
}

}  // namespace
}  // namespace steer

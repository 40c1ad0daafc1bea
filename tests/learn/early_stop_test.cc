#include "core/learn/early_stop.h"

#include <limits>

#include "gtest/gtest.h"

namespace steer {
namespace {

TEST(EarlyStopTest, EndsOnceNothingHasGotBetterForSoLong) {
  EarlyStop stop({.patience = 2});
  EXPECT_TRUE(stop.Note({.step = 1, .loss = 3}));
  EXPECT_TRUE(stop.Note({.step = 2, .loss = 2}));
  EXPECT_FALSE(stop.Note({.step = 3, .loss = 2}));  // no better
  EXPECT_FALSE(stop.done());
  EXPECT_TRUE(stop.Note({.step = 4, .loss = 1}));
  EXPECT_FALSE(stop.Note({.step = 5, .loss = std::numeric_limits<double>::quiet_NaN()}));
  EXPECT_FALSE(stop.Note({.step = 6, .loss = 5}));
  EXPECT_TRUE(stop.done());
  EXPECT_EQ(stop.best()->step, 4);
}

TEST(EarlyStopTest, GoesOnWhereItWasAndNeverEndsWithoutPatience) {
  EarlyStop resumed({.patience = 3}, HeldOutReport{.step = 4, .loss = 1}, 2);
  EXPECT_FALSE(resumed.done());
  resumed.Note({.step = 7, .loss = 2});
  EXPECT_TRUE(resumed.done());
  EarlyStop never({});
  for (int i = 0; i < 100; ++i) never.Note({.step = i, .loss = 1.0 * i});
  EXPECT_FALSE(never.done());
}

TEST(EarlyStopTest, RefusesWhatIsNoCount) {
  EXPECT_TRUE(Validate(EarlyStopParams{.every = 5, .patience = 1}).ok());
  EXPECT_FALSE(Validate(EarlyStopParams{.every = -1}).ok());
  EXPECT_FALSE(Validate(EarlyStopParams{.patience = -1}).ok());
}

}  // namespace
}  // namespace steer

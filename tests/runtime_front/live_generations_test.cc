#include "core/runtime/live_generations.h"

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

LiveGenerations::Generation Steered(int completions) {
  LiveGenerations::Generation generation;
  generation.completions = completions;
  generation.controls = {{"mood", "id0", 1.0, 1.0}, {"id1", "id1", 2.0, 3.0}};
  return generation;
}

TEST(LiveGenerationsTest, CountsCompletionsUpToTheLimit) {
  LiveGenerations live;
  EXPECT_TRUE(live.Add(10, Steered(3), 4));
  EXPECT_FALSE(live.Add(20, Steered(2), 4));
  EXPECT_FALSE(live.Find(20).has_value());
  EXPECT_TRUE(live.Add(20, Steered(1), 4));
  EXPECT_EQ(live.completions(), 4);
  for (int i = 0; i < 2; ++i) live.Ended(10);
  EXPECT_TRUE(live.Find(10).has_value());
  live.Ended(10);
  EXPECT_FALSE(live.Find(10).has_value());
  EXPECT_EQ(live.completions(), 1);
  live.Ended(999);
  EXPECT_EQ(live.completions(), 1);
}

TEST(LiveGenerationsTest, UnsetMultipliersStayAndTheBiasFollowsTheWeight) {
  LiveGenerations live;
  ASSERT_TRUE(live.Add(1, Steered(1), 10));
  const auto change = [&](std::optional<double> m1, std::optional<double> m2) {
    const auto resolved = live.Resolve(1, "id1", m1, m2);
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(resolved->control, 1U);
    live.Changed(1, *resolved);
    return std::pair(resolved->m1, resolved->m2);
  };
  EXPECT_EQ(change(std::nullopt, 7.0), std::pair(2.0, 7.0));
  EXPECT_EQ(change(5.0, std::nullopt), std::pair(5.0, 5.0));
  EXPECT_EQ(change(4.0, 6.0), std::pair(4.0, 6.0));
  EXPECT_EQ(change(std::nullopt, 1.0), std::pair(4.0, 1.0));
}

TEST(LiveGenerationsTest, NamesWhatItDoesNotKnow) {
  LiveGenerations live;
  ASSERT_TRUE(live.Add(1, Steered(1), 10));
  EXPECT_TRUE(live.Resolve(1, "mood", 1.0, {}).ok());
  EXPECT_TRUE(live.Resolve(1, "id0", 1.0, {}).ok());
  EXPECT_EQ(DetailOf(live.Resolve(1, "id2", 1.0, {}).status())->field, "signal");
  EXPECT_EQ(DetailOf(live.Resolve(2, "mood", 1.0, {}).status())->field, "request_id");
}

}  // namespace
}  // namespace steer

#include "core/signal/control_set.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

ControlEntry Entry(std::vector<MultiplierRun> runs, const PositionRule& positions = {}) {
  ControlEntry entry;
  entry.multipliers = std::move(runs);
  entry.positions = positions;
  return entry;
}

TEST(ControlSetTest, ARunActsUntilTheNextBegins) {
  const ControlEntry entry = Entry({{0, 1, 2}, {5, 3, 4}, {6, 0, 0}});
  for (const int position : {0, 1, 4}) EXPECT_EQ(MultipliersAt(entry, position).m1, 1);
  EXPECT_EQ(MultipliersAt(entry, 5), (MultiplierRun{5, 3, 4}));
  for (const int position : {6, 7, 1000}) EXPECT_TRUE(MultipliersAt(entry, position).off());
}

TEST(ControlSetTest, AChangeBeginsWhereItIsToldTo) {
  ControlEntry entry = Entry({{0, 1, 1}});
  SetMultipliers(entry, 4, 2, 3);
  EXPECT_THAT(entry.multipliers, ElementsAre(MultiplierRun{0, 1, 1}, MultiplierRun{4, 2, 3}));
  SetMultipliers(entry, 4, 5, 5);  // before anything ran under the last one
  EXPECT_THAT(entry.multipliers, ElementsAre(MultiplierRun{0, 1, 1}, MultiplierRun{4, 5, 5}));
  SetMultipliers(entry, 4, 1, 1);
  EXPECT_THAT(entry.multipliers, ElementsAre(MultiplierRun{0, 1, 1}));
  SetMultipliers(entry, 9, 1, 1);  // no change
  EXPECT_THAT(entry.multipliers, ElementsAre(MultiplierRun{0, 1, 1}));
  SetMultipliers(entry, 0, 7, 7);
  EXPECT_THAT(entry.multipliers, ElementsAre(MultiplierRun{0, 7, 7}));
}

TEST(ControlSetTest, AChangeReplacesWhatWasPlannedForLater) {
  ControlEntry entry = Entry({{0, 1, 1}, {10, 2, 2}, {20, 3, 3}});
  SetMultipliers(entry, 15, 9, 9);
  EXPECT_THAT(entry.multipliers, ElementsAre(MultiplierRun{0, 1, 1}, MultiplierRun{10, 2, 2},
                                             MultiplierRun{15, 9, 9}));
  SetMultipliers(entry, 5, 1, 1);
  EXPECT_THAT(entry.multipliers, ElementsAre(MultiplierRun{0, 1, 1}));
}

TEST(ControlSetTest, ActsWhereItIsSelectedAndNotZero) {
  const PromptLayout layout = {.prompt_length = 6, .head_length = 2};
  const ControlEntry entry = Entry({{0, 1, 1}, {3, 0, 0}, {4, 0, 2}, {7, 2, 0}, {9, 0, -0.0}},
                                   {.exclude_template_head = true});
  std::vector<int> acting;
  for (int position = 0; position < 12; ++position) {
    if (Acts(entry, layout, position)) acting.push_back(position);
  }
  EXPECT_THAT(acting, ElementsAre(2, 4, 5, 6, 7, 8));
  const SteeredTokens count = CountActing(entry, layout, 0, 12);
  EXPECT_EQ(count.prompt, 2);     // 2 and 4: the last of the prompt is "generated"
  EXPECT_EQ(count.generated, 4);  // 5, 6, 7, 8
  EXPECT_EQ(count.reused, 0);
}

TEST(ControlSetTest, AKvSignalActsOnceOnTheLastPromptTokenThatALaterOneSees) {
  const PromptLayout layout = {
      .prompt_length = 9, .head_length = 2, .user_begin = 3, .user_end = 6};
  const auto acting = [&](const ControlEntry& entry, const PromptLayout& of) {
    std::vector<int> positions;
    for (int position = 0; position < 12; ++position) {
      if (Acts(entry, of, position)) positions.push_back(position);
    }
    return positions;
  };
  ControlEntry entry = Entry({{0, 1, 1}});
  entry.kind = SignalKind::kKv;
  EXPECT_THAT(acting(entry, layout), ElementsAre(7));
  EXPECT_EQ(CountActing(entry, layout, 0, 12).prompt, 1);
  EXPECT_EQ(CountActing(entry, layout, 0, 12).generated, 0);
  EXPECT_THAT(acting(entry, {.prompt_length = 1}), ElementsAre());
  entry.positions = {.prompt = false};
  EXPECT_THAT(acting(entry, layout), ElementsAre());
  entry.positions = {.user_text_only = true};
  EXPECT_THAT(acting(entry, layout), ElementsAre(5));
  entry.positions = {.exclude_template_head = true};
  EXPECT_THAT(acting(entry, {.prompt_length = 3, .head_length = 2}), ElementsAre());
  SetMultipliers(entry, 7, 0, 0);
  EXPECT_THAT(acting(entry, layout), ElementsAre());
}

TEST(ControlSetTest, CountsAddUpHoweverTheRangeIsCut) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const auto below = [&](int n) { return static_cast<int>(random() % n); };
    const PromptLayout layout = {.prompt_length = 1 + below(20), .head_length = below(5)};
    ControlEntry entry = Entry({{0, 1, 1}}, {.prompt = below(2) == 0,
                                             .generated = below(2) == 0,
                                             .exclude_template_head = below(2) == 0});
    if (below(3) == 0) entry.kind = SignalKind::kKv;
    for (int position = below(8); position < 30; position += 1 + below(8)) {
      SetMultipliers(entry, position, below(2), below(2));
    }
    const int cut = below(31);
    const SteeredTokens whole = CountActing(entry, layout, 0, 30);
    const SteeredTokens first = CountActing(entry, layout, 0, cut);
    const SteeredTokens second = CountActing(entry, layout, cut, 30);
    EXPECT_EQ(whole.prompt, first.prompt + second.prompt);
    EXPECT_EQ(whole.generated, first.generated + second.generated);
    int acting = 0;
    for (int position = 0; position < 30; ++position) {
      acting += Acts(entry, layout, position) ? 1 : 0;
    }
    EXPECT_EQ(acting, whole.prompt + whole.generated);
  }
}

TEST(ControlSetDeathTest, AnEntryWithoutMultipliersIsABug) {
  EXPECT_DEATH(MultipliersAt(Entry({}), 0), "check failed");
}

}  // namespace
}  // namespace steer

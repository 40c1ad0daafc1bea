// Layers with a window: what drops out of it, what that makes room for and what can still be
// shared.
#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/simulation.h"

namespace steer {
namespace {

constexpr int kWindow = 10;

// Blocks of 4. A position sees ten in the second group.
SchedulerOptions Windowed(int full_blocks, int windowed_blocks) {
  SchedulerOptions options = Roomy();
  options.step_tokens = 12;
  options.groups = {{.window = 0, .block_count = full_blocks},
                    {.window = kWindow, .block_count = windowed_blocks}};
  return options;
}

// One sequence's with steps of 12: ceil((10 + 12 - 2) / 4) + 1. Between steps nine positions are
// seen: ceil(8 / 4) + 1.
constexpr int kMostOfOne = 6;
constexpr int kBetweenSteps = 3;

std::unique_ptr<Request> Ask(Simulation& simulation, int prompt, int first = 1000,
                             int max_tokens = 1) {
  auto request = GenerateRequest(simulation.next_id(), prompt, max_tokens, simulation.NewSink());
  for (int i = 0; i < prompt; ++i) request->tokens[i] = first + i;
  return request;
}

int Reused(Simulation& simulation, std::unique_ptr<Request> request) {
  const RequestId id = simulation.Add(std::move(request));
  simulation.Drain();
  return simulation.Event(id).reused_prompt_tokens;
}

const BlockPool& Pool(Simulation& simulation, size_t group) {
  return simulation.scheduler.block_pools()[group];
}

// The most blocks that are used at once until nothing runs.
int MostUsed(Simulation& simulation, size_t group) {
  int most = 0;
  while (!simulation.scheduler.idle()) {
    simulation.Step();
    most = std::max(most, Pool(simulation, group).used());
  }
  return most;
}

TEST(SchedulerWindowTest, ALongAnswerHoldsNoMoreThanItsWindow) {
  Simulation simulation(Windowed(1024, 1024));
  const RequestId id = simulation.Generate(/*prompt=*/1, /*max_tokens=*/400);
  EXPECT_EQ(MostUsed(simulation, 1), kBetweenSteps);
  EXPECT_EQ(simulation.sinks[id]->tokens().size(), 400U);
  EXPECT_EQ(Pool(simulation, 0).used(), 0);
  EXPECT_EQ(Pool(simulation, 1).used(), 0);
  EXPECT_EQ(Pool(simulation, 0).cached(), 100);
}

TEST(SchedulerWindowTest, APromptOfChunksLongerThanTheWindowHoldsAChunkAndAWindow) {
  Simulation simulation(Windowed(1024, 1024));
  simulation.Generate(/*prompt=*/400, /*max_tokens=*/1);
  int most_in_step = 0;
  while (!simulation.scheduler.idle()) {
    simulation.Step();
    // Between steps the chunk's own blocks are gone, but for what the next position sees.
    EXPECT_LE(Pool(simulation, 1).used(), kBetweenSteps);
    most_in_step = std::max(most_in_step, Pool(simulation, 1).cached());
  }
  EXPECT_GT(most_in_step, 50);
}

TEST(SchedulerWindowTest, WhatDroppedOutIsRoomForOthersAndForOneself) {
  for (const bool cache : {false, true}) {
    SchedulerOptions options = Windowed(1024, kMostOfOne);
    options.prefix_cache = cache;
    Simulation simulation(options);
    const RequestId first = simulation.Generate(/*prompt=*/300, /*max_tokens=*/100);
    const RequestId second = simulation.Generate(/*prompt=*/300, /*max_tokens=*/100);
    simulation.Drain();
    EXPECT_EQ(simulation.sinks[first]->tokens().size(), 100U);
    EXPECT_EQ(simulation.sinks[second]->tokens().size(), 100U);
    EXPECT_EQ(Pool(simulation, 1).cached() > 0, cache);
  }
}

TEST(SchedulerWindowTest, AModelOfWindowsAloneHasRoomForAnyLength) {
  SchedulerOptions options = Roomy();
  options.step_tokens = 12;
  options.groups = {{.window = kWindow, .block_count = kMostOfOne}};
  Simulation simulation(options);
  const RequestId id = simulation.Generate(/*prompt=*/200, /*max_tokens=*/300);
  EXPECT_EQ(MostUsed(simulation, 0), kBetweenSteps);
  EXPECT_EQ(simulation.sinks[id]->tokens().size(), 300U);
  // The prompt's last window is gone, too: nothing can be shared.
  auto again = Ask(simulation, 200, 'x');
  std::fill(again->tokens.begin(), again->tokens.end(), 'x');
  again->tokens[0] = static_cast<TokenId>(id);
  EXPECT_EQ(Reused(simulation, std::move(again)), 0);
}

TEST(SchedulerWindowTest, WhoNeedsMoreThanAGroupHasIsRefused) {
  for (const int group : {0, 1}) {
    // Room for 20 positions in one of the groups.
    Simulation simulation(group == 0 ? Windowed(5, 100) : Windowed(100, 5));
    const RequestId fits = simulation.Generate(/*prompt=*/10, /*max_tokens=*/10);
    const RequestId does_not = simulation.Generate(/*prompt=*/11, /*max_tokens=*/10);
    simulation.Drain();
    EXPECT_EQ(simulation.Event(fits).reason, FinishReason::kLength);
    const absl::Status status = simulation.Event(does_not).status;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("20 positions"));
  }
}

TEST(SchedulerWindowTest, APrefixIsSharedThoughItsBeginningIsGone) {
  // The first prompt drops ten of its thirteen windowed blocks, and others take their room.
  Simulation simulation(Windowed(1024, 9));
  EXPECT_EQ(Reused(simulation, Ask(simulation, 53)), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, 14, 5000)), 0);
  EXPECT_LE(Pool(simulation, 1).cached(), 9);
  const int64_t computed = simulation.runner.computed();
  // As far as the end, of which the window is there.
  EXPECT_EQ(Reused(simulation, Ask(simulation, 53)), 52);
  EXPECT_EQ(simulation.runner.computed() - computed, 1);
  // A prefix of it whose window is gone has to be computed.
  EXPECT_EQ(Reused(simulation, Ask(simulation, 21)), 0);
}

TEST(SchedulerWindowTest, OfTwoPrefixesTheLongestWhoseWindowIsThereIsTaken) {
  Simulation simulation(Windowed(1024, 1024));
  EXPECT_EQ(Reused(simulation, Ask(simulation, 53)), 0);
  // Nothing had to go: any prefix will do.
  EXPECT_EQ(Reused(simulation, Ask(simulation, 30)), 28);
  auto other = Ask(simulation, 53);
  for (size_t i = 30; i < other->tokens.size(); ++i) other->tokens[i] = 7;
  EXPECT_EQ(Reused(simulation, std::move(other)), 28);
}

TEST(SchedulerWindowTest, EqualPromptsAtOnceAreComputedOnce) {
  for (const int step_tokens : {64, 12, 8}) {
    SchedulerOptions options = Windowed(1024, 1024);
    options.step_tokens = step_tokens;
    Simulation simulation(options);
    for (int i = 0; i < 5; ++i) simulation.Add(Ask(simulation, 53));
    simulation.Drain();
    EXPECT_EQ(simulation.runner.computed(), 53 + 4) << step_tokens;
    EXPECT_EQ(simulation.scheduler.counts().reused_tokens, 4 * 52) << step_tokens;
  }
}

TEST(SchedulerWindowTest, WhoMakesRoomInOneGroupIsComputedAgainInAll) {
  for (const bool cache : {false, true}) {
    // One and a half of what two sequences hold, in one of the groups.
    for (const auto& [full, windowed] : {std::pair(18, 100), std::pair(100, kMostOfOne)}) {
      SchedulerOptions options = Windowed(full, windowed);
      options.prefix_cache = cache;
      Simulation simulation(options);
      const RequestId first = simulation.Generate(/*prompt=*/4, /*max_tokens=*/44);
      const RequestId second = simulation.Generate(/*prompt=*/4, /*max_tokens=*/44);
      simulation.Drain();
      EXPECT_EQ(simulation.Event(first).preemptions, 0);
      EXPECT_GE(simulation.Event(second).preemptions, 1) << full;
      EXPECT_EQ(simulation.sinks[second]->tokens().size(), 44U);
      EXPECT_EQ(simulation.runner.fresh(), 2 * 47);
    }
  }
}

TEST(SchedulerWindowTest, TheIndexTellsWhatCouldBeTakenOver) {
  SchedulerOptions options = Windowed(1024, 9);
  options.cache_format = "f32";
  options.prefix_index = std::make_shared<PrefixIndex>(options.groups, options.block_size);
  Simulation simulation(options);
  EXPECT_EQ(Reused(simulation, Ask(simulation, 53)), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, 14, 5000)), 0);
  const auto request = Ask(simulation, 53);
  simulation.sinks.erase(simulation.next_id());  // it is not asked
  std::vector<BlockKey> keys;
  for (int begin = 0; begin + 4 <= 52; begin += 4) {
    const std::span<const TokenId> block(request->tokens.data() + begin, 4);
    keys.push_back(NextKey(keys.empty() ? RootKey("", "f32") : keys.back(), block, begin, {},
                           request->layout));
  }
  EXPECT_EQ(options.prefix_index->Match(keys), 13);
  EXPECT_EQ(options.prefix_index->Match(std::span<const BlockKey>(keys).first(5)), 0);
}

}  // namespace
}  // namespace steer

// Who makes room, and what it costs them: nothing but time. And resuming, which is computing again.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/simulation.h"

namespace steer {
namespace {

using ::testing::IsEmpty;

// Ten blocks of four: less than three of what Long() needs.
SchedulerOptions Tight() {
  SchedulerOptions options = Roomy();
  options.groups = {{.block_count = 10}};
  options.prefix_cache = false;
  return options;
}

RequestId Long(Simulation& simulation, RequestClass request_class = RequestClass::kInteractive) {
  auto request = GenerateRequest(simulation.next_id(), 4, 28, simulation.NewSink());
  request->request_class = request_class;
  return simulation.Add(std::move(request));
}

TEST(SchedulerPreemptionTest, WhoCameLastMakesRoom) {
  Simulation simulation(Tight());
  const RequestId a = Long(simulation), b = Long(simulation), c = Long(simulation);
  std::vector<RequestId> ended;
  while (!simulation.scheduler.idle()) {
    simulation.Step();
    for (const RequestId id : {a, b, c}) {
      if (simulation.Finished(id) && std::count(ended.begin(), ended.end(), id) == 0) {
        ended.push_back(id);
      }
    }
  }
  EXPECT_THAT(ended, ::testing::ElementsAre(a, b, c));
  EXPECT_EQ(simulation.Event(a).preemptions, 0);
  EXPECT_GE(simulation.Event(c).preemptions, 1);
  EXPECT_GE(simulation.Event(c).preemptions, simulation.Event(b).preemptions);
  EXPECT_EQ(simulation.scheduler.counts().preemptions,
            simulation.Event(b).preemptions + simulation.Event(c).preemptions);
  // Computed again, but told and counted once.
  EXPECT_GT(simulation.runner.computed(), simulation.runner.fresh());
  EXPECT_EQ(simulation.runner.fresh(), 3 * 31);
  for (const RequestId id : {a, b, c}) EXPECT_EQ(simulation.sinks[id]->tokens().size(), 28U);
}

TEST(SchedulerPreemptionTest, BackgroundMakesRoomBeforeInteractive) {
  Simulation simulation(Tight());
  const RequestId oldest = Long(simulation);
  const RequestId background = Long(simulation, RequestClass::kBackground);
  simulation.Step();
  const RequestId youngest = Long(simulation);
  while (simulation.scheduler.counts().preemptions == 0) simulation.Step();
  EXPECT_THAT(simulation.ids, ::testing::UnorderedElementsAre(oldest, youngest));
  simulation.Drain();
  EXPECT_EQ(simulation.Event(oldest).preemptions, 0);
  EXPECT_GE(simulation.Event(background).preemptions, 1);
}

TEST(SchedulerPreemptionTest, TheOldestNeverMakesRoomWhateverItsClass) {
  Simulation simulation(Tight());
  const RequestId oldest = Long(simulation, RequestClass::kBackground);
  simulation.Step();
  std::vector<RequestId> interactive;
  for (int i = 0; i < 6; ++i) interactive.push_back(Long(simulation));
  while (!simulation.Finished(oldest)) simulation.Step();
  EXPECT_EQ(simulation.Event(oldest).preemptions, 0);
  for (const RequestId id : interactive) EXPECT_FALSE(simulation.Finished(id));
  simulation.Drain();
  int preemptions = 0;
  for (const RequestId id : interactive) preemptions += simulation.Event(id).preemptions;
  EXPECT_GE(preemptions, 1);
}

TEST(SchedulerPreemptionTest, NobodyStartsOnBlocksThatOthersStillLack) {
  SchedulerOptions options = Tight();
  options.step_tokens = 8;
  Simulation simulation(options);
  simulation.Generate(/*prompt=*/20, /*max_tokens=*/1);
  simulation.Generate(/*prompt=*/20, /*max_tokens=*/1);
  simulation.Step();
  simulation.Step();
  // Eight of ten blocks are free after the first step, but the first prompt lacks three of them.
  EXPECT_EQ(simulation.scheduler.running(), 1);
  simulation.Drain();
  EXPECT_EQ(simulation.scheduler.counts().preemptions, 0);
}

TEST(SchedulerPreemptionTest, WhatMadeRoomFindsItsBlocksAgainWhereTheyAreLeft) {
  SchedulerOptions options = Tight();
  options.prefix_cache = true;
  Simulation simulation(options);
  const RequestId first = Long(simulation), second = Long(simulation);
  while (simulation.scheduler.counts().preemptions == 0) simulation.Step();
  simulation.scheduler.Cancel(first);
  simulation.Drain();
  EXPECT_EQ(simulation.Event(second).preemptions, 1);
  EXPECT_GT(simulation.scheduler.counts().reused_tokens, 0);
  // It was no prompt of somebody else's.
  EXPECT_EQ(simulation.Event(second).reused_prompt_tokens, 0);
  EXPECT_EQ(simulation.sinks[second]->tokens().size(), 28U);
}

std::vector<TokenId> TokensOf(RecordingSink& sink) {
  std::vector<TokenId> tokens;
  for (const TokenEvent& event : sink.tokens()) tokens.push_back(event.token);
  return tokens;
}

TEST(SchedulerPreemptionTest, AResumedAnswerGoesOnAsIfItHadNeverBrokenOff) {
  const auto ask = [](Simulation& simulation, std::vector<TokenId> resumed) {
    auto request = GenerateRequest(simulation.next_id(), 6, 10, simulation.NewSink());
    request->tokens[0] = 'x';
    request->sampling.seed = 7;
    request->controls = {Steering("s", 1, {.prompt = false})};
    request->tokens.insert(request->tokens.end(), resumed.begin(), resumed.end());
    return simulation.Add(std::move(request));
  };
  Simulation whole(Roomy());
  const RequestId id = ask(whole, {});
  whole.Drain();
  const std::vector<TokenId> tokens = TokensOf(*whole.sinks[id]);
  ASSERT_EQ(tokens.size(), 10U);
  for (const int told : {1, 4, 9}) {
    Simulation simulation(Roomy());
    const RequestId resumed = ask(simulation, {tokens.begin(), tokens.begin() + told});
    simulation.Drain();
    const std::vector<TokenId> rest(tokens.begin() + told, tokens.end());
    EXPECT_EQ(TokensOf(*simulation.sinks[resumed]), rest);
    const FinishedEvent event = simulation.Event(resumed);
    EXPECT_EQ(event.reason, FinishReason::kLength);
    EXPECT_EQ(event.generated_tokens, 10 - told);
    EXPECT_EQ(event.prompt_tokens, 6);
    // The stage of what is resumed is "generated".
    EXPECT_EQ(event.steered[0].prompt, 0);
    EXPECT_EQ(event.steered[0].generated, 10);
  }
}

TEST(SchedulerPreemptionTest, AnAnswerThatHadEndedIsNotResumed) {
  Simulation simulation(Roomy());
  auto request = GenerateRequest(simulation.next_id(), 6, 10, simulation.NewSink());
  request->end_tokens = {ByteTokenizer::kEnd};
  request->tokens.insert(request->tokens.end(), {'a', 'b', ByteTokenizer::kEnd});
  const RequestId id = simulation.Add(std::move(request));
  EXPECT_TRUE(simulation.Step().empty());
  EXPECT_EQ(simulation.Event(id).reason, FinishReason::kEndOfText);
  EXPECT_TRUE(simulation.Event(id).status.ok());
  EXPECT_EQ(simulation.Event(id).generated_tokens, 0);
  EXPECT_THAT(simulation.sinks[id]->tokens(), IsEmpty());
}

TEST(SchedulerPreemptionTest, MultipliersChangeFromTheFirstPositionThatNeverRan) {
  Simulation simulation(Tight());
  Long(simulation);
  auto request = GenerateRequest(simulation.next_id(), 4, 28, simulation.NewSink());
  request->controls = {Steering("s", 1)};
  const RequestId id = simulation.Add(std::move(request));
  while (simulation.scheduler.counts().preemptions == 0) simulation.Step();
  // It waits to be computed again; what was computed once stays as it was.
  const int told = static_cast<int>(simulation.sinks[id]->tokens().size());
  ASSERT_GT(told, 1);
  EXPECT_EQ(simulation.scheduler.SetMultipliers(id, 0, 0, 0), 4 + told - 1);
  simulation.Drain();
  EXPECT_EQ(simulation.Event(id).steered[0].prompt, 3);
  EXPECT_EQ(simulation.Event(id).steered[0].generated, told);
}

}  // namespace
}  // namespace steer

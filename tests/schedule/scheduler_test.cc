#include "core/schedule/scheduler.h"

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/simulation.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SchedulerTest, ChunkingChangesNothingButTheNumberOfSteps) {
  std::vector<std::pair<std::string, std::vector<double>>> first;
  for (const int step_tokens : {1000, 64, 17, 3, 1}) {
    SchedulerOptions options = Roomy();
    options.step_tokens = step_tokens;
    Simulation simulation(options);
    for (int i = 0; i < 6; ++i) {
      simulation.Generate(1 + 13 * i, 5 + i);
      simulation.Score(1 + 11 * i, 1 + 7 * i);
    }
    simulation.Drain();
    std::vector<std::pair<std::string, std::vector<double>>> answers;
    for (const auto& [id, sink] : simulation.sinks) {
      answers.emplace_back(sink->text(), sink->Wait().forced_log_probs);
    }
    if (first.empty()) first = answers;
    EXPECT_EQ(answers, first) << step_tokens;
  }
}

TEST(SchedulerTest, GenerationRunsAsPlanned) {
  SchedulerOptions options = Roomy();
  options.step_tokens = 8;
  Simulation simulation(options);
  const RequestId id = simulation.Generate(/*prompt=*/19, /*max_tokens=*/3);
  std::vector<std::pair<int, bool>> entries;
  while (!simulation.scheduler.idle()) {
    for (const BatchEntry& entry : simulation.Step().entries) {
      entries.emplace_back(entry.count, entry.samples);
    }
  }
  EXPECT_THAT(entries, ElementsAre(std::pair(8, false), std::pair(8, false), std::pair(3, true),
                                   std::pair(1, true), std::pair(1, true)));
  const FinishedEvent event = simulation.Event(id);
  EXPECT_EQ(event.reason, FinishReason::kLength);
  EXPECT_EQ(event.prompt_tokens, 19);
  EXPECT_EQ(event.generated_tokens, 3);
  EXPECT_DOUBLE_EQ(event.queue_seconds, 1);
  EXPECT_DOUBLE_EQ(event.first_token_seconds, 3);
  EXPECT_DOUBLE_EQ(event.total_seconds, 5);
}

TEST(SchedulerTest, ScoringRunsAllButTheLastToken) {
  SchedulerOptions options = Roomy();
  options.step_tokens = 4;
  Simulation simulation(options);
  const RequestId id = simulation.Score(/*prompt=*/5, /*forced=*/4);
  int positions = 0;
  while (!simulation.scheduler.idle()) {
    for (const BatchEntry& entry : simulation.Step().entries) {
      EXPECT_FALSE(entry.samples);
      positions += entry.count;
    }
  }
  EXPECT_EQ(positions, 8);
  const FinishedEvent event = simulation.Event(id);
  EXPECT_EQ(event.reason, FinishReason::kScored);
  EXPECT_TRUE(event.status.ok());
  EXPECT_EQ(event.prompt_tokens, 5);
  EXPECT_EQ(event.generated_tokens, 0);
  EXPECT_DOUBLE_EQ(event.first_token_seconds, 0);
  EXPECT_THAT(
      event.forced_log_probs,
      ElementsAre(CountingRunner::ForcedLogProb('0', 5), CountingRunner::ForcedLogProb('1', 6),
                  CountingRunner::ForcedLogProb('2', 7), CountingRunner::ForcedLogProb('3', 8)));
}

TEST(SchedulerTest, SteeredTokensAddUpOverChunks) {
  SchedulerOptions options = Roomy();
  options.step_tokens = 3;
  Simulation simulation(options);
  auto request = GenerateRequest(simulation.next_id(), 10, 4, simulation.NewSink());
  request->layout.head_length = 2;
  request->controls = {Steering("everywhere", 1), Steering("generated", 1, {.prompt = false}),
                       Steering("without head", 1, {.exclude_template_head = true}),
                       Steering("off", 0)};
  const RequestId id = simulation.Add(std::move(request));
  simulation.Drain();
  const std::vector<SteeredTokens> steered = simulation.Event(id).steered;
  ASSERT_EQ(steered.size(), 4u);
  // 13 positions run: 9 of the prompt's stage, then the one that yields the first token and three.
  EXPECT_EQ(steered[0].prompt, 9);
  EXPECT_EQ(steered[0].generated, 4);
  EXPECT_EQ(steered[1].prompt, 0);
  EXPECT_EQ(steered[1].generated, 4);
  EXPECT_EQ(steered[2].prompt, 7);
  EXPECT_EQ(steered[2].generated, 4);
  EXPECT_EQ(steered[3].prompt + steered[3].generated, 0);
}

TEST(SchedulerTest, DecodeComesBeforePrefill) {
  SchedulerOptions options = Roomy();
  options.step_tokens = 8;
  Simulation simulation(options);
  const RequestId first = simulation.Generate(4, 20);
  simulation.Step();
  const RequestId second = simulation.Generate(100, 1);
  const Batch batch = simulation.Step();
  EXPECT_THAT(simulation.ids, ElementsAre(first, second));
  EXPECT_EQ(batch.entries[0].count, 1);
  EXPECT_EQ(batch.entries[1].count, 7);
}

TEST(SchedulerTest, CancelledAndOverdueSequencesLeaveWithTheirBlocks) {
  Simulation simulation(Roomy());
  const RequestId cancelled = simulation.Generate(10, 100);
  auto request = GenerateRequest(simulation.next_id(), 10, 100, simulation.NewSink());
  request->deadline = simulation.now + std::chrono::milliseconds(2500);
  const Clock::time_point deadline = *request->deadline;
  const RequestId overdue = simulation.Add(std::move(request));
  simulation.Step();
  EXPECT_EQ(simulation.scheduler.running(), 2);
  EXPECT_EQ(simulation.scheduler.NextDeadline(), deadline);
  EXPECT_EQ(simulation.scheduler.block_pools()[0].used(), 6);

  EXPECT_TRUE(simulation.scheduler.Cancel(cancelled));
  EXPECT_FALSE(simulation.scheduler.Cancel(12345));
  simulation.scheduler.Sweep(simulation.now);
  EXPECT_EQ(simulation.scheduler.block_pools()[0].used(), 3);
  EXPECT_EQ(simulation.Event(cancelled).reason, FinishReason::kCancelled);
  EXPECT_EQ(simulation.Event(cancelled).status.code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(simulation.scheduler.Cancel(cancelled));

  simulation.Step();
  EXPECT_FALSE(simulation.Finished(overdue));
  simulation.scheduler.Sweep(deadline);
  EXPECT_EQ(simulation.scheduler.block_pools()[0].used(), 0);
  EXPECT_EQ(simulation.Event(overdue).reason, FinishReason::kDeadline);
  EXPECT_EQ(simulation.Event(overdue).status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(simulation.Event(overdue).generated_tokens, 2);
  EXPECT_EQ(simulation.scheduler.NextDeadline(), std::nullopt);
  EXPECT_TRUE(simulation.scheduler.idle());
}

TEST(SchedulerTest, AWaitingSequenceCanBeCancelledAndOverdue) {
  SchedulerOptions options = Roomy();
  options.max_sequences = 1;
  Simulation simulation(options);
  simulation.Generate(10, 100);
  const RequestId waiting = simulation.Generate(10, 100);
  auto request = ScoreRequest(simulation.next_id(), 3, 3, simulation.NewSink());
  request->deadline = simulation.now + std::chrono::seconds(2);
  const RequestId overdue = simulation.Add(std::move(request));
  simulation.Step();
  EXPECT_EQ(simulation.scheduler.waiting(), 2);
  simulation.scheduler.Cancel(waiting);
  simulation.Step();
  EXPECT_EQ(simulation.scheduler.waiting(), 0);
  EXPECT_EQ(simulation.Event(waiting).reason, FinishReason::kCancelled);
  EXPECT_DOUBLE_EQ(simulation.Event(waiting).queue_seconds, 2);
  EXPECT_EQ(simulation.Event(overdue).reason, FinishReason::kDeadline);
}

TEST(SchedulerTest, WhatCanNeverFitIsRefusedAndBlocksNobody) {
  SchedulerOptions options = Roomy();
  options.groups = {{.block_count = 10}};  // 40 positions
  Simulation simulation(options);
  const RequestId too_big = simulation.Generate(30, 11);
  const RequestId fits = simulation.Generate(30, 10);
  const RequestId too_long = simulation.Score(30, 11);
  simulation.Drain();
  for (const RequestId id : {too_big, too_long}) {
    EXPECT_EQ(simulation.Event(id).reason, FinishReason::kError);
    EXPECT_EQ(simulation.Event(id).status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(DetailOf(simulation.Event(id).status).has_value());
  }
  EXPECT_EQ(simulation.Event(fits).reason, FinishReason::kLength);
}

TEST(SchedulerTest, AbsurdMaxTokensNeedNoMoreThanTheContext) {
  SchedulerOptions options = Roomy();
  options.context_limit = 32;
  Simulation simulation(options);
  const RequestId id = simulation.Generate(30, 2147483647);
  const RequestId too_long = simulation.Generate(33, 1);
  simulation.Step();
  EXPECT_EQ(simulation.scheduler.block_pools()[0].used(), 8);
  simulation.Drain();
  EXPECT_EQ(simulation.Event(id).reason, FinishReason::kLength);
  EXPECT_EQ(simulation.Event(id).generated_tokens, 2);
  EXPECT_EQ(simulation.Event(too_long).status.code(), absl::StatusCode::kResourceExhausted);
}

TEST(SchedulerTest, ABigRequestAtTheHeadIsNotOvertaken) {
  SchedulerOptions options = Roomy();
  options.groups = {{.block_count = 20}};  // 80 positions
  Simulation simulation(options);
  simulation.Generate(10, 30);
  simulation.Step();
  const RequestId big = simulation.Generate(76, 4);
  const RequestId small = simulation.Generate(2, 2);
  while (!simulation.Finished(big)) {
    EXPECT_FALSE(simulation.Finished(small));
    simulation.Step();
  }
  simulation.Drain();
}

TEST(SchedulerTest, AFailedStepEndsItsOwnSequencesOnly) {
  SchedulerOptions options = Roomy();
  options.max_sequences = 2;
  bool fail = true;
  Simulation simulation(options, [&](const Batch&) {
    return std::exchange(fail, false) ? absl::InternalError("planted") : absl::OkStatus();
  });
  const RequestId first = simulation.Generate(3, 2);
  const RequestId second = simulation.Generate(3, 2);
  const RequestId third = simulation.Generate(3, 2);
  simulation.Drain();
  for (const RequestId id : {first, second}) {
    EXPECT_EQ(simulation.Event(id).reason, FinishReason::kError);
    EXPECT_EQ(simulation.Event(id).status, absl::InternalError("planted"));
  }
  EXPECT_EQ(simulation.Event(third).reason, FinishReason::kLength);
}

TEST(SchedulerTest, ARowsOwnErrorEndsThatSequenceAlone) {
  Simulation simulation(Roomy());
  const RequestId bad = simulation.Generate(3, 2);
  const RequestId good = simulation.Generate(3, 2);
  const Batch batch = simulation.scheduler.Schedule(simulation.now);
  absl::StatusOr<StepResult> result = simulation.runner.Run(batch);
  result->entries[0].status = absl::OutOfRangeError("not finite");
  simulation.scheduler.Update(batch, result, simulation.now, 1);
  EXPECT_EQ(simulation.Event(bad).status, absl::OutOfRangeError("not finite"));
  EXPECT_THAT(simulation.sinks[bad]->tokens(), IsEmpty());
  EXPECT_EQ(simulation.scheduler.running(), 1);
  simulation.Drain();
  EXPECT_EQ(simulation.Event(good).reason, FinishReason::kLength);
}

TEST(SchedulerTest, AbortEndsEverything) {
  SchedulerOptions options = Roomy();
  options.max_sequences = 1;
  Simulation simulation(options);
  simulation.Generate(3, 20);
  simulation.Generate(3, 20);
  simulation.Score(3, 20);
  simulation.Step();
  simulation.scheduler.Abort(absl::UnavailableError("bye"), simulation.now);
  simulation.Drain();
  for (const auto& [id, sink] : simulation.sinks) {
    EXPECT_EQ(sink->Wait().status, absl::UnavailableError("bye"));
    EXPECT_EQ(sink->Wait().reason, FinishReason::kError);
  }
}

}  // namespace
}  // namespace steer

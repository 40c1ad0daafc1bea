#include "core/schedule/scheduler.h"

#include <map>
#include <random>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/counting_runner.h"
#include "tests/support/recording_sink.h"
#include "tests/support/requests.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const ByteTokenizer& TheTokenizer() {
  static const ByteTokenizer tokenizer;
  return tokenizer;
}

SchedulerOptions Roomy() {
  return {.step_tokens = 64,
          .max_sequences = 16,
          .block_size = 4,
          .block_count = 1024,
          .context_limit = 512};
}

// A scheduler with a runner, a clock that moves one second per step and the sinks of all requests.
class Simulation {
 public:
  explicit Simulation(const SchedulerOptions& options, CountingRunner::Hook hook = nullptr)
      : scheduler(options, &TheTokenizer()), runner(options, std::move(hook)) {}

  RequestId Generate(int prompt, int max_tokens) {
    return Add(GenerateRequest(next_id_, prompt, max_tokens, NewSink()));
  }
  RequestId Score(int prompt, int forced) {
    return Add(ScoreRequest(next_id_, prompt, forced, NewSink()));
  }
  RequestId Add(std::unique_ptr<Request> request) {
    request->arrival = now;
    scheduler.Add(std::move(request));
    return next_id_++;
  }
  std::shared_ptr<RecordingSink> NewSink() {
    return sinks[next_id_] = std::make_shared<RecordingSink>();
  }
  RequestId next_id() const { return next_id_; }

  Batch Step() {
    now += std::chrono::seconds(1);
    scheduler.Sweep(now);
    Batch batch = scheduler.Schedule(now);
    EXPECT_EQ(batch.empty(), scheduler.idle());
    tokens = {};
    ids.clear();
    for (const BatchEntry& entry : batch.entries) {
      const Request& request = *entry.sequence->request;
      tokens[request.request_class] += entry.count;
      ids.push_back(request.id);
    }
    if (!batch.empty()) scheduler.Update(batch, runner.Run(batch), now);
    return batch;
  }

  void Drain() {
    for (int i = 0; i < 100000 && !scheduler.idle(); ++i) Step();
    EXPECT_TRUE(scheduler.idle());
    EXPECT_EQ(scheduler.blocks().used(), 0);
    for (const auto& [id, sink] : sinks) {
      EXPECT_EQ(sink->finished_count(), 1) << id;
      EXPECT_EQ(sink->late_tokens(), 0) << id;
    }
  }

  bool Finished(RequestId id) { return sinks.at(id)->finished_count() > 0; }
  FinishedEvent Event(RequestId id) { return sinks.at(id)->Wait(); }

  Scheduler scheduler;
  CountingRunner runner;
  Clock::time_point now = Clock::now();
  std::map<RequestId, std::shared_ptr<RecordingSink>> sinks;
  std::map<RequestClass, int> tokens;  // of the last step
  std::vector<RequestId> ids;          // in the last step's batch

 private:
  RequestId next_id_ = 1;
};

// First come, first served within a class: nobody runs before all that came earlier have run or
// left.
class FifoCheck {
 public:
  void Added(RequestId id, RequestClass request_class) { classes_[id] = request_class; }
  void Check(Simulation& simulation) {
    for (const RequestId id : simulation.ids) {
      if (!started_.insert(id).second) continue;
      for (const auto& [other, request_class] : classes_) {
        if (other >= id) break;
        if (request_class != classes_[id] || simulation.Finished(other)) continue;
        EXPECT_TRUE(started_.count(other)) << id << " overtook " << other;
      }
    }
  }

 private:
  std::map<RequestId, RequestClass> classes_;
  std::set<RequestId> started_;
};

SchedulerOptions RandomOptions(std::mt19937& random) {
  const auto pick = [&](std::vector<int> values) { return values[random() % values.size()]; };
  SchedulerOptions options;
  options.step_tokens = pick({1, 2, 3, 7, 32, 100});
  options.max_sequences = pick({1, 2, 5, 16});
  options.block_size = pick({1, 4, 16});
  options.context_limit = pick({20, 60, 100});
  // From a pool that holds less than one context to one that holds a few.
  options.block_count = pick({50, 90, 200, 400}) / options.block_size;
  return options;
}

void AddRandomRequest(Simulation& simulation, FifoCheck& fifo, std::mt19937& random) {
  const RequestId id = simulation.next_id();
  const int prompt = 1 + static_cast<int>(random() % 40);
  const int more = 1 + static_cast<int>(random() % 30);
  auto request = random() % 3 == 0 ? ScoreRequest(id, prompt, more, simulation.NewSink())
                                   : GenerateRequest(id, prompt, more, simulation.NewSink());
  if (random() % 5 == 0) request->request_class = RequestClass::kBackground;
  if (random() % 8 == 0) {
    request->deadline = simulation.now + std::chrono::seconds(random() % 60);
  }
  fifo.Added(id, request->request_class);
  simulation.Add(std::move(request));
}

class RandomTraffic : public ::testing::TestWithParam<int> {};

TEST_P(RandomTraffic, KeepsEveryPromise) {
  std::mt19937 random(GetParam());
  const SchedulerOptions options = RandomOptions(random);
  bool fail_next = false;
  Simulation simulation(options, [&](const Batch&) {
    return std::exchange(fail_next, false) ? absl::InternalError("planted") : absl::OkStatus();
  });
  FifoCheck fifo;
  for (int step = 0; step < 300; ++step) {
    for (int n = static_cast<int>(random() % 3); n > 0; --n) {
      AddRandomRequest(simulation, fifo, random);
    }
    if (random() % 10 == 0) simulation.scheduler.Cancel(random() % simulation.next_id());
    fail_next = random() % 50 == 0;
    simulation.Step();
    fifo.Check(simulation);
    EXPECT_LE(simulation.scheduler.running(), options.max_sequences);
    EXPECT_LE(simulation.scheduler.blocks().used(), options.block_count);
  }
  fail_next = false;
  simulation.Drain();
  std::map<FinishReason, int> reasons;
  for (const auto& [id, sink] : simulation.sinks) {
    const FinishedEvent event = sink->Wait();
    ++reasons[event.reason];
    EXPECT_EQ(event.generated_tokens, static_cast<int>(sink->tokens().size()));
    const bool is_answer =
        event.reason == FinishReason::kLength || event.reason == FinishReason::kScored;
    EXPECT_EQ(event.status.ok(), is_answer) << event.status;
  }
  EXPECT_GT(reasons[FinishReason::kLength], 0);
  EXPECT_GT(reasons[FinishReason::kScored], 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTraffic, ::testing::Range(0, 40));

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
  ControlEntry everywhere;
  ControlEntry generated;
  generated.positions.prompt = false;
  ControlEntry without_head;
  without_head.positions.exclude_template_head = true;
  request->controls = {everywhere, generated, without_head};
  const RequestId id = simulation.Add(std::move(request));
  simulation.Drain();
  const std::vector<SteeredTokens> steered = simulation.Event(id).steered;
  ASSERT_EQ(steered.size(), 3u);
  // 13 positions run: 9 of the prompt's stage, then the one that yields the first token and three.
  EXPECT_EQ(steered[0].prompt, 9);
  EXPECT_EQ(steered[0].generated, 4);
  EXPECT_EQ(steered[1].prompt, 0);
  EXPECT_EQ(steered[1].generated, 4);
  EXPECT_EQ(steered[2].prompt, 7);
  EXPECT_EQ(steered[2].generated, 4);
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
  EXPECT_EQ(simulation.scheduler.blocks().used(), 56);

  EXPECT_TRUE(simulation.scheduler.Cancel(cancelled));
  EXPECT_FALSE(simulation.scheduler.Cancel(12345));
  simulation.scheduler.Sweep(simulation.now);
  EXPECT_EQ(simulation.scheduler.blocks().used(), 28);
  EXPECT_EQ(simulation.Event(cancelled).reason, FinishReason::kCancelled);
  EXPECT_EQ(simulation.Event(cancelled).status.code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(simulation.scheduler.Cancel(cancelled));

  simulation.Step();
  EXPECT_FALSE(simulation.Finished(overdue));
  simulation.scheduler.Sweep(deadline);
  EXPECT_EQ(simulation.scheduler.blocks().used(), 0);
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
  options.block_count = 10;  // 40 positions
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
  EXPECT_EQ(simulation.scheduler.blocks().used(), 8);
  simulation.Drain();
  EXPECT_EQ(simulation.Event(id).reason, FinishReason::kLength);
  EXPECT_EQ(simulation.Event(id).generated_tokens, 2);
  EXPECT_EQ(simulation.Event(too_long).status.code(), absl::StatusCode::kResourceExhausted);
}

TEST(SchedulerTest, ABigRequestAtTheHeadIsNotOvertaken) {
  SchedulerOptions options = Roomy();
  options.block_count = 20;  // 80 positions
  Simulation simulation(options);
  simulation.Generate(10, 30);
  simulation.Step();
  const RequestId big = simulation.Generate(60, 20);
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
  simulation.scheduler.Update(batch, result, simulation.now);
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

// Both classes under constant load of the other, from a budget of one token and one row to plenty.
class Starvation : public ::testing::TestWithParam<std::tuple<int, int, int>> {
 protected:
  SchedulerOptions Options() const {
    const auto& [step_tokens, max_sequences, block_count] = GetParam();
    return {.step_tokens = step_tokens,
            .max_sequences = max_sequences,
            .block_size = 1,
            .block_count = block_count,
            .context_limit = 100};
  }

  static void Keep(Simulation& simulation, RequestClass request_class, int count) {
    while (count-- > 0) {
      auto request = GenerateRequest(simulation.next_id(), 15, 10, simulation.NewSink());
      request->request_class = request_class;
      simulation.Add(std::move(request));
    }
  }

  // Ten requests of one class, the biggest the pool allows among them, while three or more of the
  // other always wait.
  static void ExpectServed(const SchedulerOptions& options, RequestClass starved,
                           RequestClass flood) {
    Simulation simulation(options);
    std::vector<RequestId> ids;
    Keep(simulation, flood, 3 + options.max_sequences);
    for (int i = 0; i < 10; ++i) {
      auto request =
          GenerateRequest(simulation.next_id(), i == 3 ? 90 : 10, 10, simulation.NewSink());
      request->request_class = starved;
      ids.push_back(simulation.Add(std::move(request)));
    }
    const int steps = 200 * (25 * options.max_sequences / options.step_tokens + 25);
    for (int step = 0; step < steps && !simulation.Finished(ids.back()); ++step) {
      Keep(simulation, flood, 3 + options.max_sequences - simulation.scheduler.waiting());
      simulation.Step();
    }
    for (const RequestId id : ids) EXPECT_TRUE(simulation.Finished(id)) << id;
    simulation.scheduler.Abort(absl::CancelledError("done"), simulation.now);
  }
};

TEST_P(Starvation, BackgroundIsServedUnderInteractiveLoad) {
  ExpectServed(Options(), RequestClass::kBackground, RequestClass::kInteractive);
}

TEST_P(Starvation, InteractiveIsServedUnderBackgroundLoad) {
  ExpectServed(Options(), RequestClass::kInteractive, RequestClass::kBackground);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Starvation,
                         ::testing::Combine(::testing::Values(1, 2, 3, 4, 7, 64, 512),
                                            ::testing::Values(1, 2, 3, 16, 64),
                                            ::testing::Values(100, 260, 5000)));

TEST(SchedulerTest, BackgroundGetsAQuarterOfEveryStepWhileItWaits) {
  Simulation simulation(Roomy());
  for (int step = 0; step < 200; ++step) {
    for (int i = 0; i < 3; ++i) {
      simulation.Generate(40, 5);
      simulation.Score(20, 20);
    }
    simulation.Step();
    EXPECT_GE(simulation.tokens[RequestClass::kBackground], 16);
    EXPECT_EQ(simulation.tokens[RequestClass::kBackground] +
                  simulation.tokens[RequestClass::kInteractive],
              64);
    EXPECT_GE(simulation.tokens[RequestClass::kInteractive], 32);
  }
}

TEST(SchedulerTest, BackgroundGetsRowsWhenLongGenerationsHoldThemAll) {
  SchedulerOptions options = Roomy();
  options.max_sequences = 4;
  Simulation simulation(options);
  int64_t interactive = 0;
  int64_t background = 0;
  for (int step = 0; step < 3000; ++step) {
    simulation.Generate(10, 60);
    simulation.Score(10, 10);
    simulation.Step();
    interactive += simulation.tokens[RequestClass::kInteractive];
    background += simulation.tokens[RequestClass::kBackground];
  }
  EXPECT_GT(background, 0.2 * static_cast<double>(interactive + background));
  EXPECT_GT(interactive, 0.5 * static_cast<double>(interactive + background));
}

TEST(SchedulerTest, AnInteractiveRequestStartsAtOnceUnderBackgroundLoad) {
  Simulation simulation(Roomy());
  for (int step = 0; step < 50; ++step) {
    while (simulation.scheduler.waiting() < 50) simulation.Score(20, 20);
    simulation.Step();
  }
  const RequestId id = simulation.Generate(30, 3);
  for (int step = 0; step < 3; ++step) simulation.Step();
  EXPECT_TRUE(simulation.Finished(id));
  EXPECT_DOUBLE_EQ(simulation.Event(id).first_token_seconds, 1);
}

TEST(SchedulerTest, EitherClassAloneGetsTheWholeBudget) {
  Simulation simulation(Roomy());
  simulation.Score(100, 1);
  simulation.Step();
  EXPECT_EQ(simulation.tokens[RequestClass::kBackground], 64);
  simulation.Drain();
  simulation.Generate(100, 1);
  simulation.Step();
  EXPECT_EQ(simulation.tokens[RequestClass::kInteractive], 64);
  simulation.Drain();
}

}  // namespace
}  // namespace steer

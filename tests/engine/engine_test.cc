#include "core/engine/engine.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/simulation.h"

namespace steer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(EngineTest, GeneratesScoresAndCounts) {
  const auto engine = Make();
  const auto generated = std::make_shared<RecordingSink>();
  const auto scored = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 40, 5, generated);
  request->controls = {Steering("s", 1)};
  engine->Submit(std::move(request));
  engine->Submit(ScoreRequest(2, 10, 4, scored));
  EXPECT_EQ(generated->Wait().reason, FinishReason::kLength);
  Simulation alone(Options());
  auto same = GenerateRequest(1, 40, 5, alone.NewSink());
  same->controls = {Steering("s", 1)};
  alone.Add(std::move(same));
  alone.Drain();
  EXPECT_EQ(generated->text(), alone.sinks[1]->text());
  EXPECT_EQ(scored->Wait().reason, FinishReason::kScored);
  EXPECT_EQ(scored->Wait().forced_log_probs.size(), 4u);

  Settle(*engine);
  ExpectEmpty(*engine);
  const EngineStats stats = engine->stats();
  EXPECT_EQ(stats.kv_blocks_total, 4096);
  EXPECT_EQ(stats.prompt_tokens, 40 + 13);
  EXPECT_EQ(stats.generated_tokens, 5);
  EXPECT_EQ(stats.steered_rows, 44);  // 40 of the prompt, four fed back
  EXPECT_GE(stats.steps, 6);
  EXPECT_GT(stats.busy_seconds, 0);
}

TEST_F(EngineTest, GaugesShowWhatRunsAndWaits) {
  SchedulerOptions options = Options();
  options.max_sequences = 1;
  HeldStep held;
  const auto engine = Make(held.Hook(), options);
  const auto first = std::make_shared<RecordingSink>();
  const auto second = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 22, first));
  held.begun.Wait();
  EXPECT_EQ(engine->stats().running, 1);
  EXPECT_EQ(engine->stats().kv_blocks_used, 2);
  engine->Submit(GenerateRequest(2, 10, 22, second));
  held.go_on.Open();
  second->Wait();
  Settle(*engine);
  ExpectEmpty(*engine);
}

TEST_F(EngineTest, GaugesAreZeroWhenTheLastRequestIsRefusedWithoutAStep) {
  SchedulerOptions options = Options();
  options.groups = {{.block_count = 2}};
  const auto engine = Make(nullptr, options);
  const auto sink = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 100, 1, sink));
  EXPECT_EQ(sink->Wait().status.code(), absl::StatusCode::kResourceExhausted);
  Settle(*engine);
  ExpectEmpty(*engine);
  EXPECT_EQ(engine->stats().steps, 0);
}

TEST_F(EngineTest, AFailingStepFailsOnlyItsBatch) {
  SchedulerOptions options = Options();
  options.max_sequences = 2;
  Gate all_submitted;
  const auto engine = Make(
      [&](const Batch& batch) {
        all_submitted.Wait();
        for (const BatchEntry& entry : batch.entries) {
          if (entry.sequence->request->id == 13) return absl::InternalError("planted");
        }
        return absl::OkStatus();
      },
      options);
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (RequestId id = 12; id < 16; ++id) {
    sinks.push_back(std::make_shared<RecordingSink>());
    engine->Submit(GenerateRequest(id, 20, 4, sinks.back()));
  }
  all_submitted.Open();
  EXPECT_EQ(sinks[1]->Wait().status, absl::InternalError("planted"));
  for (const size_t unharmed : {2, 3}) {
    EXPECT_EQ(sinks[unharmed]->Wait().reason, FinishReason::kLength);
  }
  Settle(*engine);
  ExpectEmpty(*engine);
  EXPECT_FALSE(engine->stats().failed);
}

TEST_F(EngineTest, CancelFreesRowAndBlocksByTheNextStep) {
  HeldStep held;
  const auto engine = Make(held.Hook());
  const auto sink = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 4000, sink));
  held.begun.Wait();
  engine->Cancel(1);
  engine->Cancel(77);
  held.go_on.Open();
  const FinishedEvent event = sink->Wait();
  EXPECT_EQ(event.reason, FinishReason::kCancelled);
  EXPECT_EQ(event.generated_tokens, 1);  // of the step that was running
  Settle(*engine);
  ExpectEmpty(*engine);
  EXPECT_EQ(engine->stats().steps, 1);
}

TEST_F(EngineTest, ADeadlineEndsARunningRequest) {
  const auto engine = Make();
  const auto sink = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 10, 4000, sink);
  request->deadline = Clock::now() - std::chrono::seconds(1);
  engine->Submit(std::move(request));
  EXPECT_EQ(sink->Wait().reason, FinishReason::kDeadline);

  Gate passed;
  const auto slow = Make([&](const Batch&) {
    passed.Wait();
    return absl::OkStatus();
  });
  const auto late = std::make_shared<RecordingSink>();
  request = GenerateRequest(1, 10, 4000, late);
  request->deadline = Clock::now() + std::chrono::milliseconds(30);
  const Clock::time_point deadline = *request->deadline;
  slow->Submit(std::move(request));
  std::this_thread::sleep_until(deadline);
  passed.Open();
  EXPECT_EQ(late->Wait().reason, FinishReason::kDeadline);
  EXPECT_LE(late->Wait().generated_tokens, 1);
}

TEST_F(EngineTest, AtMostOneUnitBetweenTwoSteps) {
  constexpr int kUnits = 6;
  std::string log;  // engine thread only, read after Stop
  std::atomic<int> asked = 0;
  Gate all_asked;
  const auto engine = Make([&](const Batch&) {
    all_asked.Wait();
    log += 's';
    return absl::OkStatus();
  });
  const auto sink = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 2000, sink));
  std::vector<std::thread> threads;
  for (int i = 0; i < kUnits; ++i) {
    threads.emplace_back([&] {
      if (++asked == kUnits) all_asked.Open();
      EXPECT_EQ(engine->RunUnit([&] {
        log += 'u';
        return absl::NotFoundError("the unit's own answer");
      }),
                absl::NotFoundError("the unit's own answer"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sink->Wait().reason, FinishReason::kLength);
  engine->Stop();
  EXPECT_EQ(std::count(log.begin(), log.end(), 'u'), kUnits);
  const std::string while_running = log.substr(0, log.rfind('s') + 1);
  EXPECT_THAT(while_running, Not(HasSubstr("uu")));
}

TEST_F(EngineTest, StopEndsEverything) {
  SchedulerOptions options = Options();
  options.max_sequences = 1;
  HeldStep held;
  const auto engine = Make(held.Hook(), options);
  const auto running = std::make_shared<RecordingSink>();
  const auto waiting = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 4000, running));
  held.begun.Wait();
  engine->Submit(GenerateRequest(2, 10, 4000, waiting));
  std::thread unit([&] {
    const absl::Status status = engine->RunUnit([] { return absl::OkStatus(); });
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  });
  std::thread stop([&] { engine->Stop(); });
  // A refused request shows that the engine takes no more.
  for (bool refused = false; !refused; std::this_thread::yield()) {
    const auto late = std::make_shared<RecordingSink>();
    engine->Submit(ScoreRequest(3, 5, 5, late));
    refused = late->finished_count() == 1;
  }
  held.go_on.Open();
  stop.join();
  unit.join();
  for (const auto& sink : {running, waiting}) {
    EXPECT_EQ(sink->finished_count(), 1);
    EXPECT_EQ(sink->Wait().reason, FinishReason::kError);
    EXPECT_EQ(sink->Wait().status.code(), absl::StatusCode::kUnavailable);
  }
  ExpectEmpty(*engine);

  engine->Stop();
  engine->Cancel(1);
  const auto after = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(4, 10, 10, after));
  EXPECT_EQ(after->finished_count(), 1);
  EXPECT_EQ(after->Wait().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(after->Wait().prompt_tokens, 10);
  EXPECT_EQ(engine->RunUnit([] { return absl::OkStatus(); }).code(), absl::StatusCode::kCancelled);
}

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST_F(EngineTest, AnIdleEngineSleeps) {
  const auto engine = Make();
  const auto sink = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 10, sink));
  sink->Wait();
  Settle(*engine);
  const double before = CpuSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(CpuSeconds() - before, 0.15);
}

}  // namespace
}  // namespace steer

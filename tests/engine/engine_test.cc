#include "core/engine/engine.h"

#include <sys/resource.h>

#include <atomic>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/counting_runner.h"
#include "tests/support/recording_sink.h"
#include "tests/support/requests.h"

namespace steer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

SchedulerOptions Options() {
  return {.step_tokens = 32,
          .max_sequences = 8,
          .block_size = 8,
          .block_count = 4096,
          .context_limit = 4096};
}

// Opens once; what waits at it sleeps until then.
class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Wait() {
    MutexLock lock(mutex_);
    while (!open_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

class EngineTest : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> Make(CountingRunner::Hook hook = nullptr,
                               SchedulerOptions options = Options()) {
    return std::make_unique<Engine>(options, &tokenizer_,
                                    std::make_unique<CountingRunner>(options, std::move(hook)));
  }

  // After this the loop has done everything that was put before, gauges included.
  static void Settle(Engine& engine) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(engine.RunUnit([] { return absl::OkStatus(); }).ok());
    }
  }

  static void ExpectEmpty(const Engine& engine) {
    const EngineStats stats = engine.stats();
    EXPECT_EQ(stats.running, 0);
    EXPECT_EQ(stats.waiting, 0);
    EXPECT_EQ(stats.kv_blocks_used, 0);
  }

  ByteTokenizer tokenizer_;
};

TEST_F(EngineTest, GeneratesScoresAndCounts) {
  const auto engine = Make();
  const auto generated = std::make_shared<RecordingSink>();
  const auto scored = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 40, 5, generated);
  request->controls.resize(1);
  engine->Submit(std::move(request));
  engine->Submit(ScoreRequest(2, 10, 4, scored));
  EXPECT_EQ(generated->Wait().reason, FinishReason::kLength);
  EXPECT_EQ(generated->text(), "opqrs");  // 'a' + (seed 1 + position 39 ...) % 26
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
  Gate in_step, go_on;
  const auto engine = Make(
      [&](const Batch&) {
        in_step.Open();
        go_on.Wait();
        return absl::OkStatus();
      },
      options);
  const auto first = std::make_shared<RecordingSink>();
  const auto second = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 22, first));
  in_step.Wait();
  EXPECT_EQ(engine->stats().running, 1);
  EXPECT_EQ(engine->stats().kv_blocks_used, 4);
  engine->Submit(GenerateRequest(2, 10, 22, second));
  go_on.Open();
  second->Wait();
  Settle(*engine);
  ExpectEmpty(*engine);
}

TEST_F(EngineTest, GaugesAreZeroWhenTheLastRequestIsRefusedWithoutAStep) {
  SchedulerOptions options = Options();
  options.block_count = 2;
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
}

TEST_F(EngineTest, CancelFreesRowAndBlocksByTheNextStep) {
  Gate in_step, go_on;
  const auto engine = Make([&](const Batch&) {
    in_step.Open();
    go_on.Wait();
    return absl::OkStatus();
  });
  const auto sink = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 4000, sink));
  in_step.Wait();
  engine->Cancel(1);
  engine->Cancel(77);
  go_on.Open();
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
  Gate in_step, go_on;
  const auto engine = Make(
      [&](const Batch&) {
        in_step.Open();
        go_on.Wait();
        return absl::OkStatus();
      },
      options);
  const auto running = std::make_shared<RecordingSink>();
  const auto waiting = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 4000, running));
  in_step.Wait();
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
  go_on.Open();
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

// Several threads submit, cancel, run units and read stats; the engine stops in the middle or when
// all is done. Whatever happens, every request ends exactly once and every unit answers.
class Stress : public EngineTest, public ::testing::WithParamInterface<bool> {};

TEST_P(Stress, EveryRequestEndsExactlyOnce) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 150;
  const bool stop_midway = GetParam();
  std::atomic<int> steps = 0;
  const auto engine = Make([&](const Batch&) {
    return ++steps % 61 == 0 ? absl::InternalError("planted") : absl::OkStatus();
  });
  std::vector<std::vector<std::shared_ptr<RecordingSink>>> sinks(kThreads);
  std::atomic<int> units = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < kRequests; ++i) {
        const RequestId id = static_cast<RequestId>(t) * kRequests + i;
        const int length = 1 + static_cast<int>(random() % 50);
        const auto sink = std::make_shared<RecordingSink>();
        sinks[t].push_back(sink);
        engine->Submit(random() % 3 == 0 ? ScoreRequest(id, length, 5, sink)
                                         : GenerateRequest(id, length, 1 + length % 20, sink));
        if (random() % 4 == 0) engine->Cancel(id - random() % 5);
        if (random() % 20 == 0) {
          const absl::Status status = engine->RunUnit([&] {
            ++units;
            return absl::OkStatus();
          });
          EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kCancelled);
        }
        EXPECT_LE(engine->stats().running, Options().max_sequences);
        if (stop_midway && t < 2 && i == kRequests / 2) engine->Stop();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<FinishReason, int> reasons;
  for (const auto& of_thread : sinks) {
    for (const auto& sink : of_thread) ++reasons[sink->Wait().reason];
  }
  engine->Stop();
  for (const auto& of_thread : sinks) {
    for (const auto& sink : of_thread) {
      EXPECT_EQ(sink->finished_count(), 1);
      EXPECT_EQ(sink->late_tokens(), 0);
    }
  }
  ExpectEmpty(*engine);
  EXPECT_GT(units, 0);
  EXPECT_GT(reasons[FinishReason::kError], 0);
  if (!stop_midway) {
    EXPECT_GT(reasons[FinishReason::kLength], 0);
    EXPECT_GT(reasons[FinishReason::kScored], 0);
  }
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutStop, Stress, ::testing::Bool());

}  // namespace
}  // namespace steer

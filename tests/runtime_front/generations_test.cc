#include "core/runtime/generations.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/store/signal_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime_front/pools.h"
#include "tests/store/test_signals.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/recording_sink.h"

namespace steer {
namespace {

using testing::SizeIs;

constexpr int kMaxInFlight = 64;

// Keeps a pool's engine from running anything as long as it lives.
class HeldEngine {
 public:
  explicit HeldEngine(WorkerPool& pool)
      : thread_([this, &pool] {
          const absl::Status ran = pool.engine().RunUnit([this] {
            held_ = true;
            held_.notify_one();
            released_.wait(false);
            return absl::OkStatus();
          });
          EXPECT_TRUE(ran.ok()) << ran;
        }) {
    held_.wait(false);
  }
  ~HeldEngine() {
    released_ = true;
    released_.notify_one();
    thread_.join();
  }
  HeldEngine(const HeldEngine&) = delete;
  HeldEngine& operator=(const HeldEngine&) = delete;

 private:
  std::atomic<bool> held_{false};
  std::atomic<bool> released_{false};
  std::thread thread_;  // last: it uses both
};

class GenerationsTest : public testing::Test {
 protected:
  using Sinks = std::vector<std::shared_ptr<RecordingSink>>;

  void SetUp() override {
    auto store = OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    const auto put = store_->Put(VectorSignal(1), {}, "");
    ASSERT_TRUE(put.ok()) << put.status();
    id_ = put->record.id;
    controls_ = std::make_unique<ControlResolver>(ModelMarks(), store_.get());
    budgets_ = std::make_unique<UtilityBudgets>("model", store_.get());
    generations_ = std::make_unique<Generations>(Generations::Parts{.tokenizer = &tokenizer_,
                                                                    .admission = &admission_,
                                                                    .controls = controls_.get(),
                                                                    .budgets = budgets_.get(),
                                                                    .dispatcher = &dispatcher_,
                                                                    .live = &live_,
                                                                    .use = &use_,
                                                                    .next_id = &next_id_,
                                                                    .model_fingerprint = "model",
                                                                    .max_in_flight = kMaxInFlight});
  }

  static GenerateSpec Spec(const std::string& text, int n, int max_tokens) {
    GenerateSpec spec;
    spec.prompt.text = text;
    spec.n = n;
    spec.sampling.max_tokens = max_tokens;
    return spec;
  }
  static Sinks MakeSinks(int n) {
    Sinks sinks;
    for (int i = 0; i < n; ++i) sinks.push_back(std::make_shared<RecordingSink>());
    return sinks;
  }
  absl::StatusOr<Admitted> Start(const GenerateSpec& spec, const Sinks& sinks) {
    return generations_->Start(spec, {sinks.begin(), sinks.end()});
  }
  // A refused request leaves no trace: no event, no place taken, nothing live.
  void ExpectRefused(const GenerateSpec& spec, absl::StatusCode code, const std::string& reason) {
    const Sinks sinks = MakeSinks(spec.n);
    const absl::Status status = Start(spec, sinks).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(DetailOf(status).value_or(ErrorDetail{}).reason, reason);
    for (const auto& sink : sinks) EXPECT_EQ(sink->finished_count(), 0);
    for (const PoolBench* bench : {&a_, &b_}) EXPECT_EQ(bench->pool->in_flight(), 0);
    EXPECT_EQ(live_.completions(), 0);
  }
  // A completion leaves just after its last event.
  void WaitUntilNothingIsLive() {
    while (live_.completions() > 0) std::this_thread::yield();
  }

  const ByteTokenizer tokenizer_;
  const Admission admission_{
      {.vocabulary = tokenizer_.vocabulary_size(), .tokenizer = &tokenizer_, .positions = 512}};
  TemporaryFolder folder_{MemoryFolder()};
  std::unique_ptr<SignalStore> store_;
  std::string id_;
  std::unique_ptr<ControlResolver> controls_;
  std::unique_ptr<UtilityBudgets> budgets_;
  SignalUse use_;
  std::atomic<bool> signals_are_gone_{false};
  LiveGenerations live_;
  const WorkerPool::SignalLoader load_ = [this](ControlSet&) {
    return signals_are_gone_ ? absl::NotFoundError("gone") : absl::OkStatus();
  };
  PoolBench a_{"a", load_};
  PoolBench b_{"b", load_};
  Dispatcher dispatcher_{{a_.pool.get(), b_.pool.get()}};
  std::atomic<RequestId> next_id_{100};
  std::unique_ptr<Generations> generations_;
};

TEST_F(GenerationsTest, CompletionsHaveConsecutiveIdsAndOneTellsOfThePrompt) {
  GenerateSpec spec = Spec("a prompt", 3, 5);
  spec.sampling.prompt_log_probs = 0;
  const Sinks sinks = MakeSinks(3);
  const auto admitted = Start(spec, sinks);
  ASSERT_TRUE(admitted.ok()) << admitted.status();
  EXPECT_EQ(admitted->id, 100U);
  EXPECT_EQ(next_id_, 103U);
  EXPECT_EQ(admitted->pool, "a");
  EXPECT_EQ(admitted->prompt_tokens, 8);
  EXPECT_EQ(admitted->model_fingerprint, "model");
  ASSERT_TRUE(admitted->prompt.has_value());
  EXPECT_EQ(admitted->prompt->text, "a prompt");
  for (const auto& sink : sinks) {
    EXPECT_EQ(sink->Wait().generated_tokens, 5);
    EXPECT_THAT(sink->prompts(), SizeIs(sink == sinks[0] ? 1 : 0));
  }
  WaitUntilNothingIsLive();
}

TEST_F(GenerationsTest, WhatIsRefusedLeavesNoTrace) {
  ExpectRefused(Spec("x", 0, 5), absl::StatusCode::kInvalidArgument, "INVALID_FIELD");
  ExpectRefused(Spec("x", 17, 5), absl::StatusCode::kInvalidArgument, "INVALID_FIELD");
  GenerateSpec late = Spec("x", 2, 5);
  late.deadline = Clock::now() - std::chrono::seconds(1);
  ExpectRefused(late, absl::StatusCode::kDeadlineExceeded, "PROMPT_TAKES_TOO_LONG");
  GenerateSpec steered = Spec("x", 4, 5);
  steered.controls = {{.signal = "nobody"}};
  ExpectRefused(steered, absl::StatusCode::kNotFound, "NOT_FOUND");
  // Deleted between its resolution and its submission.
  signals_are_gone_ = true;
  steered.controls = {{.signal = id_}};
  ExpectRefused(steered, absl::StatusCode::kNotFound, "");
  EXPECT_TRUE(use_.Take(id_, 8).empty());
}

TEST_F(GenerationsTest, WhatIsStartedCountsAsUse) {
  GenerateSpec spec = Spec("a prompt", 2, 3);
  spec.controls = {{.signal = id_, .multiplier = 2, .positions = PositionRule{.prompt = false}}};
  const Sinks sinks = MakeSinks(2);
  ASSERT_TRUE(Start(spec, sinks).ok());
  for (const auto& sink : sinks) sink->Wait();
  const std::vector<SignalUse::Count> uses = use_.Take(id_, 8);
  ASSERT_THAT(uses, SizeIs(1));
  EXPECT_EQ(uses.front().m1, 2);
  EXPECT_EQ(uses.front().uses, 1);
  EXPECT_FALSE(uses.front().positions.prompt);
  EXPECT_TRUE(live_.AwaitIdle(Clock::now() + std::chrono::seconds(30)));
}

TEST_F(GenerationsTest, NobodyAwaitsAnIdleMomentInVain) {
  GenerateSpec spec = Spec("a prompt", 1, 300);
  const Sinks sinks = MakeSinks(1);
  {
    const HeldEngine held_a(*a_.pool);
    const HeldEngine held_b(*b_.pool);
    ASSERT_TRUE(Start(spec, sinks).ok());
    EXPECT_FALSE(live_.AwaitIdle(Clock::now() + std::chrono::milliseconds(20)));
  }
  EXPECT_TRUE(live_.AwaitIdle(Clock::now() + std::chrono::seconds(60)));
  EXPECT_EQ(sinks.front()->finished_count(), 1);
}

TEST_F(GenerationsTest, TheLimitIsOfCompletionsAndACancellationOfAllOfThem) {
  std::vector<Sinks> started;
  std::vector<RequestId> ids;
  {
    const HeldEngine held_a(*a_.pool);
    const HeldEngine held_b(*b_.pool);
    for (int i = 0; i < kMaxInFlight / 16; ++i) {
      started.push_back(MakeSinks(16));
      const auto admitted = Start(Spec("a prompt", 16, 300), started.back());
      ASSERT_TRUE(admitted.ok()) << admitted.status();
      ids.push_back(admitted->id);
    }
    EXPECT_EQ(live_.completions(), kMaxInFlight);
    const Sinks one_more = MakeSinks(1);
    const absl::Status full = Start(Spec("a prompt", 1, 1), one_more).status();
    EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(RetryDelayMs(full).has_value());
    EXPECT_EQ(live_.completions(), kMaxInFlight);
    EXPECT_EQ(a_.pool->in_flight() + b_.pool->in_flight(), kMaxInFlight);
    for (const RequestId id : ids) generations_->Cancel(id);
    generations_->Cancel(next_id_);  // nobody's
  }
  for (const Sinks& sinks : started) {
    for (const auto& sink : sinks) EXPECT_EQ(sink->Wait().reason, FinishReason::kCancelled);
  }
  WaitUntilNothingIsLive();
  const Sinks again = MakeSinks(1);
  ASSERT_TRUE(Start(Spec("a prompt", 1, 1), again).ok());
  EXPECT_TRUE(again[0]->Wait().status.ok());
}

TEST_F(GenerationsTest, AnUpdateReachesEveryCompletionThatRuns) {
  GenerateSpec spec = Spec("a prompt", 3, 400);
  spec.controls = {{.signal = id_, .multiplier = 1.0}};
  // Tried again when all had ended before it came.
  absl::StatusOr<std::vector<UpdatedCompletion>> updated;
  RequestId id = 0;
  Sinks sinks;
  do {
    sinks = MakeSinks(3);
    const auto admitted = Start(spec, sinks);
    ASSERT_TRUE(admitted.ok()) << admitted.status();
    id = admitted->id;
    updated = generations_->Update(id, id_, 2.0, std::nullopt);
    for (const auto& sink : sinks) sink->Wait();
  } while (absl::IsNotFound(updated.status()));
  ASSERT_TRUE(updated.ok()) << updated.status();
  for (const UpdatedCompletion& change : *updated) {
    const std::vector<MultiplierRun> acted = sinks[change.completion]->Wait().multipliers[0];
    // What was planned for a position that never came is not in the receipt.
    if (change.position >= 8 + 400 - 1) continue;
    EXPECT_EQ(acted.back(), (MultiplierRun{change.position, 2.0, 2.0}));
    EXPECT_EQ(change.first_token, std::max(0, change.position - 7));
  }
  WaitUntilNothingIsLive();
  EXPECT_EQ(DetailOf(generations_->Update(id, id_, 2.0, {}).status())->field, "request_id");
  EXPECT_EQ(DetailOf(generations_->Update(id, id_, 1e9, {}).status())->field, "multiplier");
  EXPECT_EQ(DetailOf(generations_->Update(id, id_, {}, 1e9).status())->field, "bias_multiplier");
}

TEST_F(GenerationsTest, AnUpdateOfASignalWithoutABiasPartHasOneMultiplier) {
  const auto put = store_->Put(ClampSignal(), {}, "");
  ASSERT_TRUE(put.ok()) << put.status();
  const std::string& clamp = put->record.id;
  GenerateSpec spec = Spec("a prompt", 1, 400);
  spec.controls = {{.signal = clamp, .multiplier = 1.0}};
  // Tried again when it had ended before the updates came.
  absl::Status one, both;
  do {
    const Sinks sinks = MakeSinks(1);
    const auto admitted = Start(spec, sinks);
    ASSERT_TRUE(admitted.ok()) << admitted.status();
    both = generations_->Update(admitted->id, clamp, 0.5, 0.25).status();
    one = generations_->Update(admitted->id, clamp, 0.5, std::nullopt).status();
    sinks[0]->Wait();
  } while (absl::IsNotFound(both) || absl::IsNotFound(one));
  EXPECT_TRUE(one.ok()) << one;
  EXPECT_EQ(DetailOf(both)->field, "bias_multiplier");
}

// Whatever callers do at once, each completion ends once and nothing stays behind.
TEST_F(GenerationsTest, ManyCallersStartUpdateAndCancel) {
  constexpr int kCallers = 6;
  constexpr int kRounds = 30;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < kRounds; ++round) {
        const int n = 1 + (caller + round) % 3;
        GenerateSpec spec = Spec("prompt " + std::to_string(round % 4) + " and more", n, 40);
        spec.controls = {{.signal = id_, .multiplier = 1.0}};
        const Sinks sinks = MakeSinks(n);
        const auto admitted = Start(spec, sinks);
        ASSERT_TRUE(admitted.ok()) << admitted.status();
        const auto updated = generations_->Update(admitted->id, id_, 0.5 * round, std::nullopt);
        EXPECT_TRUE(updated.ok() || absl::IsNotFound(updated.status())) << updated.status();
        if (round % 3 == 0) generations_->Cancel(admitted->id);
        for (const auto& sink : sinks) {
          sink->Wait();
          EXPECT_EQ(sink->finished_count(), 1);
          EXPECT_EQ(sink->late_tokens(), 0);
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  WaitUntilNothingIsLive();
  for (const PoolBench* bench : {&a_, &b_}) EXPECT_EQ(bench->pool->in_flight(), 0);
}

}  // namespace
}  // namespace steer

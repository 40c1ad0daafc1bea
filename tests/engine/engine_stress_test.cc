#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/engine/engine_fixture.h"

namespace steer {
namespace {

// Several threads submit, steer, cancel, run units and read stats; the engine stops in the middle
// or when all is done. Whatever happens, every request ends exactly once and every unit answers.
class Stress : public EngineTest, public ::testing::WithParamInterface<bool> {};

TEST_P(Stress, EveryRequestEndsExactlyOnce) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 150;
  const bool stop_midway = GetParam();
  std::atomic<int> steps = 0;
  SchedulerOptions options = Options();
  options.groups = {{.block_count = 24}};  // so that some have to make room
  const auto engine = Make(
      [&](const Batch&) {
        return ++steps % 61 == 0 ? absl::InternalError("planted") : absl::OkStatus();
      },
      options);
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
        auto request = random() % 3 == 0
                           ? ScoreRequest(id, length, 5, sink)
                           : GenerateRequest(id, length, 1 + static_cast<int>(random() % 60), sink);
        request->tokens[0] = 'x';  // all begin alike
        request->controls = {Steering("s", static_cast<double>(random() % 2))};
        engine->Submit(std::move(request));
        if (random() % 4 == 0) {
          const absl::StatusOr<int> position = engine->SetMultipliers(id, 0, 2, 2);
          EXPECT_TRUE(position.ok() || absl::IsNotFound(position.status()) ||
                      absl::IsUnavailable(position.status()));
        }
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
    EXPECT_GT(engine->stats().reused_tokens, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutStop, Stress, ::testing::Bool());

}  // namespace
}  // namespace steer

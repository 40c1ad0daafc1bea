// Live multipliers, units beside requests, a device that is lost.
#include <atomic>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/engine_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

TEST_F(EngineTest, TheFirstThingOnTheThreadIsWhatWasAskedFor) {
  std::vector<std::thread::id> threads;  // engine thread only, read after Stop
  const SchedulerOptions options = Options();
  Engine engine(options, &tokenizer_,
                std::make_unique<CountingRunner>(options,
                                                 [&](const Batch&) {
                                                   threads.push_back(std::this_thread::get_id());
                                                   return absl::OkStatus();
                                                 }),
                [&] { threads.push_back(std::this_thread::get_id()); });
  const auto sink = std::make_shared<RecordingSink>();
  engine.Submit(GenerateRequest(1, 10, 1, sink));
  sink->Wait();
  EXPECT_TRUE(engine
                  .RunUnit([&] {
                    threads.push_back(std::this_thread::get_id());
                    return absl::OkStatus();
                  })
                  .ok());
  engine.Stop();
  ASSERT_EQ(threads.size(), 3U);
  EXPECT_NE(threads[0], std::this_thread::get_id());
  EXPECT_EQ(threads[1], threads[0]);
  EXPECT_EQ(threads[2], threads[0]);
}

TEST_F(EngineTest, AChangeOfMultipliersActsFromTheAnsweredPositionOn) {
  const auto engine = Make();
  RequestId id = 0;
  std::shared_ptr<RecordingSink> sink;
  absl::StatusOr<int> position = absl::NotFoundError("not asked yet");
  // Until the change comes before the end.
  while (!position.ok()) {
    sink = std::make_shared<RecordingSink>();
    auto request = GenerateRequest(++id, 40, 1000, sink);
    request->controls = {Steering("other", 1), Steering("s", 1)};
    engine->Submit(std::move(request));
    position = engine->SetMultipliers(id, 1, 0, 0);
  }
  EXPECT_EQ(engine->SetMultipliers(id, 2, 0, 0).status().code(), absl::StatusCode::kNotFound);
  engine->Cancel(id);
  const FinishedEvent event = sink->Wait();
  EXPECT_THAT(event.multipliers[0], ElementsAre(MultiplierRun{0, 1, 1}));
  if (*position == 0) {
    EXPECT_THAT(event.multipliers[1], ElementsAre(MultiplierRun{0, 0, 0}));
  } else {
    EXPECT_THAT(event.multipliers[1],
                ElementsAre(MultiplierRun{0, 1, 1}, MultiplierRun{*position, 0, 0}));
  }
  EXPECT_EQ(event.steered[1].prompt + event.steered[1].generated, *position);
}

TEST_F(EngineTest, OnlyWhatRunsOrWaitsCanBeChanged) {
  const auto engine = Make();
  const absl::Status unknown = engine->SetMultipliers(1, 0, 1, 1).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), ::testing::HasSubstr("request_id"));
  const auto sink = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 10, 2, sink);
  request->controls = {Steering("s", 1)};
  engine->Submit(std::move(request));
  sink->Wait();
  EXPECT_EQ(engine->SetMultipliers(1, 0, 1, 1).status().code(), absl::StatusCode::kNotFound);
  engine->Stop();
  EXPECT_EQ(engine->SetMultipliers(1, 0, 1, 1).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(EngineTest, CountsWhatWasFoundAndWhatMadeRoom) {
  SchedulerOptions options = Options();
  options.groups = {{.block_count = 12}};
  const auto engine = Make(nullptr, options);
  for (RequestId id = 1; id < 3; ++id) {
    const auto sink = std::make_shared<RecordingSink>();
    auto request = GenerateRequest(id, 40, 1, sink);
    request->tokens[0] = 'x';
    engine->Submit(std::move(request));
    EXPECT_EQ(sink->Wait().reused_prompt_tokens, id == 1 ? 0 : 32);
  }
  Settle(*engine);
  EXPECT_EQ(engine->stats().reused_tokens, 32);
  EXPECT_EQ(engine->stats().kv_blocks_cached, 5);
  EXPECT_EQ(engine->stats().preemptions, 0);
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (RequestId id = 3; id < 6; ++id) {
    sinks.push_back(std::make_shared<RecordingSink>());
    engine->Submit(GenerateRequest(id, 4, 80, sinks.back()));
  }
  for (const auto& sink : sinks) EXPECT_EQ(sink->Wait().reason, FinishReason::kLength);
  Settle(*engine);
  ExpectEmpty(*engine);
}

TEST_F(EngineTest, UnitsHaveNoMoreThanTheBackgroundsShareBesideInteractiveRequests) {
  constexpr int kUnits = 6;
  SchedulerOptions options = Options();
  options.background_share = 0.2;
  std::atomic<int> asked = 0;
  Gate all_asked;
  const auto engine = Make(
      [&](const Batch&) {
        all_asked.Wait();
        return absl::OkStatus();
      },
      options);
  const auto sink = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 3000, sink));
  std::vector<std::thread> threads;
  for (int i = 0; i < kUnits; ++i) {
    threads.emplace_back([&] {
      if (++asked == kUnits) all_asked.Open();
      EXPECT_TRUE(engine
                      ->RunUnit([&] {
                        const EngineStats stats = engine->stats();
                        // Each unit before this one has been paid for by steps.
                        if (stats.running > 0) {
                          EXPECT_GE(stats.busy_seconds, 4 * stats.unit_seconds * (1 - 1e-9));
                        }
                        std::this_thread::sleep_for(std::chrono::milliseconds(1));
                        return absl::OkStatus();
                      })
                      .ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  engine->Cancel(1);
  sink->Wait();
  EXPECT_EQ(engine->stats().units, kUnits);
}

TEST_F(EngineTest, ALostDeviceEndsEverythingAndTakesNothingMore) {
  SchedulerOptions options = Options();
  options.max_sequences = 1;
  HeldStep held;
  const auto engine = Make(held.Hook(absl::UnavailableError("planted")), options);
  const auto running = std::make_shared<RecordingSink>();
  const auto waiting = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 4000, running));
  held.begun.Wait();
  EXPECT_FALSE(engine->stats().failed);
  engine->Submit(GenerateRequest(2, 10, 4000, waiting));
  std::thread unit([&] {
    EXPECT_EQ(engine->RunUnit([] { return absl::OkStatus(); }).code(),
              absl::StatusCode::kUnavailable);
  });
  held.go_on.Open();
  unit.join();
  const auto later = std::make_shared<RecordingSink>();
  engine->Submit(ScoreRequest(3, 10, 10, later));
  for (const auto& sink : {running, waiting, later}) {
    const FinishedEvent event = sink->Wait();
    EXPECT_EQ(event.reason, FinishReason::kError);
    EXPECT_EQ(event.status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(event.status.message()), ::testing::HasSubstr("planted"));
  }
  EXPECT_EQ(engine->RunUnit([] { return absl::OkStatus(); }).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(engine->SetMultipliers(3, 0, 1, 1).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(engine->stats().failed);
  EXPECT_EQ(engine->stats().steps, 1);
  ExpectEmpty(*engine);
}

// Where nothing but units runs, nothing else would tell.
TEST_F(EngineTest, AUnitTellsOfALostDeviceToo) {
  const auto engine = Make();
  EXPECT_EQ(engine->RunUnit([] { return absl::InternalError("its own"); }).code(),
            absl::StatusCode::kInternal);
  EXPECT_FALSE(engine->stats().failed);
  EXPECT_EQ(engine->RunUnit([] { return absl::UnavailableError("planted"); }),
            absl::UnavailableError("planted"));
  EXPECT_TRUE(engine->stats().failed);
  const auto later = std::make_shared<RecordingSink>();
  engine->Submit(GenerateRequest(1, 10, 10, later));
  EXPECT_EQ(later->Wait().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(engine->RunUnit([] { return absl::OkStatus(); }).code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace steer

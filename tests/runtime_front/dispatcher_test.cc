#include "core/runtime/dispatcher.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime_front/pools.h"
#include "tests/support/recording_sink.h"
#include "tests/support/requests.h"

namespace steer {
namespace {

using testing::SizeIs;

std::unique_ptr<Request> Prompt(RequestId id, const std::string& text, int max_tokens,
                                std::shared_ptr<EventSink> sink) {
  auto request = GenerateRequest(id, 1, max_tokens, std::move(sink));
  request->tokens.assign(text.begin(), text.end());
  request->layout.prompt_length = static_cast<int>(text.size());
  return request;
}

class DispatcherTest : public testing::Test {
 protected:
  // Computes the text on `pool` and waits until nothing is left to do there.
  void Compute(WorkerPool& pool, const std::string& text) {
    const auto sink = std::make_shared<RecordingSink>();
    pool.Reserve(1);
    ASSERT_TRUE(pool.Submit(Prompt(next_id_++, text, 1, sink)).ok());
    ASSERT_TRUE(sink->Wait().status.ok());
    EXPECT_EQ(pool.in_flight(), 0);
  }
  std::string Choose(const std::string& text) {
    const auto chosen = dispatcher_.Choose(*Prompt(0, text, 1, nullptr));
    if (!chosen.ok()) return std::string(chosen.status().message());
    (*chosen)->GiveBack(1);
    return (*chosen)->name();
  }

  PoolBench a_{"a"};
  PoolBench b_{"b"};
  PoolBench c_{"c"};
  Dispatcher dispatcher_{{a_.pool.get(), b_.pool.get(), c_.pool.get()}};
  RequestId next_id_ = 1;
};

TEST_F(DispatcherTest, TheLeastLoadedTheFirstAmongEquals) {
  EXPECT_EQ(Choose("hello"), "a");
  a_.pool->Reserve(2);
  b_.pool->Reserve(1);
  EXPECT_EQ(Choose("hello"), "c");
  c_.pool->Reserve(3);
  EXPECT_EQ(Choose("hello"), "b");
}

TEST_F(DispatcherTest, WhoHoldsMostOfThePrompt) {
  const std::string text = "one prompt of a good many blocks";
  Compute(*c_.pool, text.substr(0, 12));
  Compute(*b_.pool, text.substr(0, 24));
  EXPECT_EQ(Choose(text), "b");
  // The key is of all that comes before: the same words further on are another prefix.
  EXPECT_EQ(Choose("x" + text), "a");
  // A little more to do is no reason to compute it again, a lot more is.
  b_.pool->Reserve(Dispatcher::kCacheIsWorth);
  EXPECT_EQ(Choose(text), "b");
  b_.pool->Reserve(1);
  EXPECT_EQ(Choose(text), "c");
}

TEST_F(DispatcherTest, PrefixesOfTenantsAndControlsAreApart) {
  const std::string text = "one prompt of a good many blocks";
  Compute(*b_.pool, text);
  const auto keys = [&](const std::function<void(Request&)>& change) {
    auto request = Prompt(0, text, 1, nullptr);
    change(*request);
    return PrefixKeys(*request, b_.pool->block_size(), b_.pool->cache_format());
  };
  const auto plain = keys([](Request&) {});
  EXPECT_EQ(b_.pool->prefixes().Match(plain), static_cast<int>(plain.size()));
  EXPECT_EQ(b_.pool->prefixes().Match(keys([](Request& request) { request.tenant = "t"; })), 0);
  const auto steered = [&](double m, bool prompt) {
    return keys([=](Request& request) {
      request.controls = {{.signal_id = std::string(64, 'a'),
                           .multipliers = {{0, m, m}},
                           .positions = {.prompt = prompt, .generated = true}}};
    });
  };
  EXPECT_EQ(b_.pool->prefixes().Match(steered(1, true)), 0);
  EXPECT_NE(steered(1, true), steered(2, true));
  EXPECT_EQ(steered(0, true), plain);
  // Only the answer is steered: all blocks of the prompt are plain ones.
  EXPECT_EQ(steered(1, false), plain);
}

TEST_F(DispatcherTest, AScoredPromptIsSharedAsFarAsNothingIsJudged) {
  auto request = ScoreRequest(1, 9, 4, nullptr);
  EXPECT_THAT(PrefixKeys(*request, 4, "f"),
              SizeIs(2));  // position 8 predicts the first forced token
  request = ScoreRequest(1, 8, 5, nullptr);
  EXPECT_THAT(PrefixKeys(*request, 4, "f"), SizeIs(1));
}

TEST_F(DispatcherTest, AFailedDeviceGetsNothingAndTheOthersGoOn) {
  const std::string text = "one prompt of a good many blocks";
  Compute(*a_.pool, text);
  a_.Lose();
  const auto lost = std::make_shared<RecordingSink>();
  a_.pool->Reserve(1);
  ASSERT_TRUE(a_.pool->Submit(Prompt(next_id_++, "x", 5, lost)).ok());
  EXPECT_EQ(lost->Wait().status.code(), absl::StatusCode::kUnavailable);
  while (a_.pool->healthy()) std::this_thread::yield();
  EXPECT_EQ(Choose(text), "b");
  Compute(*b_.pool, text);
  EXPECT_EQ(Choose(text), "b");
  for (PoolBench* bench : {&b_, &c_}) {
    bench->Lose();
    const auto sink = std::make_shared<RecordingSink>();
    bench->pool->Reserve(1);
    ASSERT_TRUE(bench->pool->Submit(Prompt(next_id_++, "x", 5, sink)).ok());
    EXPECT_EQ(sink->Wait().status.code(), absl::StatusCode::kUnavailable);
    while (bench->pool->healthy()) std::this_thread::yield();
  }
  EXPECT_EQ(Choose(text), "every device has failed");
  EXPECT_EQ(dispatcher_.Choose(*Prompt(0, text, 1, nullptr)).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(DispatcherTest, PlacesAreReservedBeforeTheNextChoice) {
  std::map<std::string, int> chosen;
  for (int i = 0; i < 30; ++i) {
    const auto pool = dispatcher_.Choose(*Prompt(i, "hello", 1, nullptr));
    ASSERT_TRUE(pool.ok());
    ++chosen[(*pool)->name()];
  }
  EXPECT_THAT(chosen, testing::ElementsAre(testing::Pair("a", 10), testing::Pair("b", 10),
                                           testing::Pair("c", 10)));
}

// Many threads, one device that fails halfway: every request ends once, nothing stays reserved.
TEST_F(DispatcherTest, ManyCallersAndAFailure) {
  constexpr int kCallers = 8;
  constexpr int kEach = 60;
  std::vector<std::vector<std::shared_ptr<RecordingSink>>> sinks(kCallers);
  std::vector<std::thread> callers;
  std::atomic<RequestId> next_id{1000};
  std::atomic<int> refused{0};
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < kEach; ++i) {
        if (caller == 0 && i == kEach / 2) b_.Lose();
        const auto sink = std::make_shared<RecordingSink>();
        auto request = Prompt(next_id++, "prompt " + std::to_string(i % 5) + " and more of it",
                              1 + (caller + i) % 7, sink);
        const auto pool = dispatcher_.Choose(*request);
        ASSERT_TRUE(pool.ok());
        const RequestId id = request->id;
        ASSERT_TRUE((*pool)->Submit(std::move(request)).ok());
        if ((caller + i) % 5 == 0) (*pool)->engine().Cancel(id);
        sinks[caller].push_back(sink);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& of_caller : sinks) {
    for (const auto& sink : of_caller) {
      sink->Wait();
      EXPECT_EQ(sink->finished_count(), 1);
      EXPECT_EQ(sink->late_tokens(), 0);
    }
  }
  for (const PoolBench* bench : {&a_, &b_, &c_}) EXPECT_EQ(bench->pool->in_flight(), 0);
  EXPECT_FALSE(b_.pool->healthy() && b_.pool->engine().stats().steps == 0);
}

}  // namespace
}  // namespace steer

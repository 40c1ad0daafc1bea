#include "core/runtime/worker_pool.h"

#include "gtest/gtest.h"
#include "tests/runtime_front/pools.h"
#include "tests/support/recording_sink.h"
#include "tests/support/requests.h"

namespace steer {
namespace {

TEST(WorkerPoolTest, ASignalThatIsGoneIsRefusedAndGivesItsPlaceBack) {
  PoolBench bench("a", [](ControlSet& controls) {
    return controls.empty() ? absl::OkStatus() : absl::NotFoundError("gone");
  });
  const auto sink = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 3, 2, sink);
  request->controls = {{.signal_id = "gone", .multipliers = {{0, 1, 1}}}};
  bench.pool->Reserve(1);
  EXPECT_EQ(bench.pool->Submit(std::move(request)).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(bench.pool->in_flight(), 0);
  EXPECT_EQ(sink->finished_count(), 0);
  bench.pool->Reserve(1);
  EXPECT_TRUE(bench.pool->Submit(GenerateRequest(2, 3, 2, sink)).ok());
  EXPECT_TRUE(sink->Wait().status.ok());
  EXPECT_EQ(bench.pool->in_flight(), 0);
}

TEST(WorkerPoolTest, KnowsWhatAPromptCostsOnceItHasComputedSome) {
  PoolBench bench("a");
  EXPECT_TRUE(bench.pool->CanComputeWithin(1 << 30, 1e-9));  // nothing is known yet
  const auto sink = std::make_shared<RecordingSink>();
  bench.pool->Reserve(1);
  ASSERT_TRUE(bench.pool->Submit(GenerateRequest(1, 200, 1, sink)).ok());
  sink->Wait();
  const double cost = bench.pool->engine().stats().prompt_seconds_per_token;
  ASSERT_GT(cost, 0);
  EXPECT_TRUE(bench.pool->CanComputeWithin(1000, 1001 * cost));
  EXPECT_FALSE(bench.pool->CanComputeWithin(1000, 999 * cost));
}

}  // namespace
}  // namespace steer

#include "server/work_queue.h"

#include <atomic>
#include <future>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

TEST(WorkQueueTest, RunsWhatItAcceptsOnce) {
  std::atomic<int> ran{0};
  {
    WorkQueue queue("work", 2, 100);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(queue.Post([&] { ++ran; }).ok());
  }
  EXPECT_EQ(ran, 50);
}

TEST(WorkQueueTest, RefusesBeyondItsBoundAndSaysWhenToComeBack) {
  WorkQueue queue("scores", 1, 1);
  std::promise<void> started;
  std::promise<void> gate;
  ASSERT_TRUE(queue
                  .Post([&] {
                    started.set_value();
                    gate.get_future().wait();
                  })
                  .ok());
  started.get_future().wait();
  std::atomic<bool> second_ran{false};
  ASSERT_TRUE(queue.Post([&] { second_ran = true; }).ok());
  const absl::Status third = queue.Post([] { FAIL() << "was refused"; });
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(RetryDelayMs(third).has_value());
  EXPECT_EQ(DetailOf(third)->field, "scores");
  gate.set_value();
  queue.Stop();
  EXPECT_TRUE(second_ran);
}

TEST(WorkQueueTest, WithoutWaitingPlacesTakesWorkOnlyForAFreeThread) {
  WorkQueue queue("watched jobs", 2, 0);
  std::promise<void> gate;
  const std::shared_future<void> open = gate.get_future().share();
  ASSERT_TRUE(queue.Post([open] { open.wait(); }).ok());
  ASSERT_TRUE(queue.Post([open] { open.wait(); }).ok());
  EXPECT_EQ(queue.Post([] {}).code(), absl::StatusCode::kResourceExhausted);
  gate.set_value();
}

TEST(WorkQueueTest, TakesNothingAfterStop) {
  WorkQueue queue("work", 1, 1);
  queue.Stop();
  EXPECT_EQ(queue.Post([] {}).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace steer

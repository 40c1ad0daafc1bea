#include "core/learn/job.h"

#include <atomic>
#include <future>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

// A job that runs until the test lets it go or it is cancelled.
class Gate {
 public:
  JobWork Work() {
    return [this](JobContext& context) -> absl::StatusOr<JobOutcome> {
      started_.set_value();
      while (future_.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) {
        if (!context.Progress(1, 2)) return absl::CancelledError("seen");
      }
      return JobOutcome{.signal_id = "id", .results = {{"norm", 2.0}}};
    };
  }
  void WaitStarted() { started_.get_future().wait(); }
  void Open() { promise_.set_value(); }

 private:
  std::promise<void> started_;
  std::promise<void> promise_;
  std::future<void> future_ = promise_.get_future();
};

JobState WaitFinished(const JobQueue& queue, const std::string& id) {
  JobState state = JobState::kQueued;
  EXPECT_TRUE(queue
                  .Watch(
                      id,
                      [&](const JobRecord& record) {
                        state = record.state;
                        return true;
                      },
                      [] { return false; })
                  .ok());
  return state;
}

JobWork Quick() {
  return [](JobContext&) -> absl::StatusOr<JobOutcome> { return JobOutcome{}; };
}

TEST(JobQueueTest, RunsAJobAndKeepsItsResult) {
  Gate gate;
  JobQueue queue;
  const auto job = queue.Start("difference_of_means", gate.Work());
  ASSERT_TRUE(job.ok());
  gate.WaitStarted();
  EXPECT_EQ(queue.Get(job->id)->state, JobState::kRunning);
  gate.Open();
  EXPECT_EQ(WaitFinished(queue, job->id), JobState::kSucceeded);
  const JobRecord record = *queue.Get(job->id);
  EXPECT_EQ(record.signal_id, "id");
  EXPECT_EQ(record.results.at("norm"), 2.0);
  EXPECT_GE(record.finished_unix_ms, record.created_unix_ms);
}

TEST(JobQueueTest, AWatcherSeesChangesInOrderAndTheEnd) {
  JobQueue queue;
  const auto job = queue.Start("x", [](JobContext& context) -> absl::StatusOr<JobOutcome> {
    for (int i = 0; i <= 100; ++i) context.Progress(i, 100);
    return JobOutcome{};
  });
  uint64_t revision = 0;
  int done = 0;
  JobState last = JobState::kQueued;
  EXPECT_TRUE(queue
                  .Watch(
                      job->id,
                      [&](const JobRecord& record) {
                        EXPECT_GT(record.revision, revision);
                        EXPECT_GE(record.done, done);
                        revision = record.revision;
                        done = record.done;
                        last = record.state;
                        return true;
                      },
                      [] { return false; })
                  .ok());
  EXPECT_EQ(last, JobState::kSucceeded);
  EXPECT_EQ(done, 100);
}

TEST(JobQueueTest, CancelsARunningAndAWaitingJob) {
  Gate gate;
  JobQueue queue;
  const auto running = queue.Start("x", gate.Work());
  const auto waiting = queue.Start("x", Quick());
  gate.WaitStarted();
  EXPECT_EQ(queue.Cancel(waiting->id)->state, JobState::kCancelled);
  EXPECT_TRUE(queue.Cancel(running->id).ok());
  EXPECT_EQ(WaitFinished(queue, running->id), JobState::kCancelled);
  EXPECT_EQ(queue.Cancel(running->id)->state, JobState::kCancelled);  // idempotent
  EXPECT_EQ(queue.Cancel("job-99").status().code(), absl::StatusCode::kNotFound);
}

TEST(JobQueueTest, AFailedJobSaysWhy) {
  JobQueue queue;
  const auto job = queue.Start("x", [](JobContext&) -> absl::StatusOr<JobOutcome> {
    return InvalidField("pairs[3]", "nothing", "something");
  });
  EXPECT_EQ(WaitFinished(queue, job->id), JobState::kFailed);
  EXPECT_EQ(DetailOf(queue.Get(job->id)->status)->field, "pairs[3]");
}

TEST(JobQueueTest, AFullQueueRefusesWithADelay) {
  Gate gate;
  JobQueue queue(2);
  ASSERT_TRUE(queue.Start("x", gate.Work()).ok());
  gate.WaitStarted();
  ASSERT_TRUE(queue.Start("x", Quick()).ok());
  ASSERT_TRUE(queue.Start("x", Quick()).ok());
  const auto refused = queue.Start("x", Quick());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GT(RetryDelayMs(refused.status()).value_or(0), 0);
  gate.Open();
}

TEST(JobQueueTest, ListsNewestFirstAndStopsEverything) {
  Gate gate;
  JobQueue queue;
  const auto first = queue.Start("x", gate.Work());
  gate.WaitStarted();
  const auto second = queue.Start("x", Quick());
  ASSERT_EQ(queue.List().size(), 2U);
  EXPECT_EQ(queue.List()[0].id, second->id);
  queue.Stop();
  EXPECT_EQ(queue.Get(first->id)->state, JobState::kCancelled);
  EXPECT_EQ(queue.Get(second->id)->state, JobState::kCancelled);
  EXPECT_EQ(queue.Start("x", Quick()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(JobQueueTest, AWatcherCanLeave) {
  Gate gate;
  JobQueue queue;
  const auto job = queue.Start("x", gate.Work());
  gate.WaitStarted();
  std::atomic<bool> leave{false};
  std::thread later([&] { leave = true; });
  EXPECT_TRUE(absl::IsCancelled(
      queue.Watch(job->id, [](const JobRecord&) { return true; }, [&] { return leave.load(); })));
  later.join();
  gate.Open();
}

}  // namespace
}  // namespace steer

#include "core/learn/job_queue.h"

#include <atomic>
#include <future>
#include <map>
#include <string>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

// Keeps what a log is told.
class MapLog : public JobLog {
 public:
  absl::StatusOr<std::string> Add(const JobRecord& record, const std::string& definition) override {
    std::string id = "job-" + std::to_string(++last_);
    definitions[id] = definition;
    json[id] = ToJson(record);
    return id;
  }
  absl::Status Update(const JobRecord& record) override {
    json[record.id] = ToJson(record);
    return absl::OkStatus();
  }
  JobRecord At(const std::string& id) const { return *JobFromJson(id, json.at(id)); }

  std::map<std::string, std::string> definitions, json;

 private:
  int last_ = 0;
};

absl::StatusOr<JobRecord> Start(JobQueue& queue, JobWork work) {
  return queue.Start({.learner = "x"}, "what to do", std::move(work));
}

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

TEST(JobRecordTest, ComesBackFromTheLog) {
  JobRecord record{.id = "job-7", .state = JobState::kSucceeded, .learner = "split"};
  record.settings = "{\"steps\":3}";
  record.dataset = "d";
  record.held_out_dataset = "h";
  record.done = 3;
  record.total = 4;
  record.outcome = {.signal_id = "s", .curve_id = "c", .name = "drafts/x"};
  record.outcome.results = {{"norm", 0.1}};
  record.outcome.layers = {{.layer = 2, .signal_id = "a", .curve_id = "b", .multiplier = 1.5},
                           {.layer = 3}};
  record.status = absl::InternalError("why");
  record.created_unix_ms = 5;
  record.finished_unix_ms = 6;
  const absl::StatusOr<JobRecord> back = JobFromJson("job-7", ToJson(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(ToJson(*back), ToJson(record));
  EXPECT_EQ(back->id, "job-7");
  EXPECT_EQ(back->status, record.status);
  EXPECT_EQ(back->outcome.layers[0].multiplier, 1.5);
  EXPECT_EQ(back->outcome.layers[1].multiplier, std::nullopt);
  for (const char* damaged : {"", "{}", "{\"state\":9}"})
    EXPECT_TRUE(absl::IsDataLoss(JobFromJson("job-7", damaged).status())) << damaged;
}

TEST(JobQueueTest, RunsAJobAndKeepsItsResult) {
  Gate gate;
  MapLog log;
  JobQueue queue(&log);
  const auto job = Start(queue, gate.Work());
  ASSERT_TRUE(job.ok());
  gate.WaitStarted();
  EXPECT_EQ(queue.Get(job->id)->state, JobState::kRunning);
  gate.Open();
  EXPECT_EQ(WaitFinished(queue, job->id), JobState::kSucceeded);
  const JobRecord record = *queue.Get(job->id);
  EXPECT_EQ(record.outcome.signal_id, "id");
  EXPECT_EQ(record.outcome.results.at("norm"), 2.0);
  EXPECT_GE(record.finished_unix_ms, record.created_unix_ms);
}

TEST(JobQueueTest, AWatcherSeesChangesInOrderAndTheEnd) {
  MapLog log;
  JobQueue queue(&log);
  const auto job = Start(queue, [](JobContext& context) -> absl::StatusOr<JobOutcome> {
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
  MapLog log;
  JobQueue queue(&log);
  const auto running = Start(queue, gate.Work());
  const auto waiting = Start(queue, Quick());
  gate.WaitStarted();
  EXPECT_EQ(queue.Cancel(waiting->id)->state, JobState::kCancelled);
  EXPECT_TRUE(queue.Cancel(running->id).ok());
  EXPECT_EQ(WaitFinished(queue, running->id), JobState::kCancelled);
  EXPECT_EQ(queue.Cancel(running->id)->state, JobState::kCancelled);  // idempotent
  EXPECT_EQ(queue.Cancel("job-99").status().code(), absl::StatusCode::kNotFound);
}

TEST(JobQueueTest, AFailedJobSaysWhy) {
  MapLog log;
  JobQueue queue(&log);
  const auto job = Start(queue, [](JobContext&) -> absl::StatusOr<JobOutcome> {
    return InvalidField("pairs[3]", "nothing", "something");
  });
  EXPECT_EQ(WaitFinished(queue, job->id), JobState::kFailed);
  EXPECT_EQ(DetailOf(queue.Get(job->id)->status)->field, "pairs[3]");
}

TEST(JobQueueTest, AFullQueueRefusesWithADelay) {
  Gate gate;
  MapLog log;
  JobQueue queue(&log, 2);
  ASSERT_TRUE(Start(queue, gate.Work()).ok());
  gate.WaitStarted();
  ASSERT_TRUE(Start(queue, Quick()).ok());
  ASSERT_TRUE(Start(queue, Quick()).ok());
  const auto refused = Start(queue, Quick());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GT(RetryDelayMs(refused.status()).value_or(0), 0);
  gate.Open();
}

TEST(JobQueueTest, ListsNewestFirst) {
  Gate gate;
  MapLog log;
  JobQueue queue(&log);
  const auto first = Start(queue, gate.Work());
  const auto second = Start(queue, Quick());
  ASSERT_EQ(queue.List().size(), 2U);
  EXPECT_EQ(queue.List()[0].id, second->id);
  EXPECT_EQ(queue.List()[1].id, first->id);
  gate.Open();
}

TEST(JobQueueTest, AStopInterruptsAndTheLogHasWhatIsLeft) {
  Gate gate;
  MapLog log;
  JobQueue queue(&log);
  const auto first = Start(queue, gate.Work());
  gate.WaitStarted();
  const auto second = Start(queue, Quick());
  queue.Stop();
  for (const std::string& id : {first->id, second->id}) {
    EXPECT_EQ(queue.Get(id)->state, JobState::kQueued);
    EXPECT_FALSE(Finished(log.At(id).state));
    EXPECT_EQ(log.definitions.at(id), "what to do");
  }
  EXPECT_EQ(Start(queue, Quick()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(JobQueueTest, WhatALogHadGoesOnOnceItIsKnownWhatThatIs) {
  Gate gate;
  MapLog log;
  JobQueue queue(&log);
  queue.Restore({.id = "job-1", .state = JobState::kSucceeded});
  queue.Restore({.id = "job-2", .state = JobState::kRunning});
  queue.Restore({.id = "job-3"});
  queue.Restore({.id = "job-4"});
  EXPECT_EQ(queue.Get("job-2")->state, JobState::kQueued);
  EXPECT_EQ(queue.Cancel("job-4")->state, JobState::kCancelled);
  queue.Resume("job-2", Quick());
  EXPECT_EQ(WaitFinished(queue, "job-2"), JobState::kSucceeded);
  queue.Resume("job-3", InvalidField("model", "another", "this"));
  queue.Resume("job-4", Quick());  // too late
  queue.Resume("job-1", Quick());
  EXPECT_EQ(queue.Get("job-3")->state, JobState::kFailed);
  EXPECT_EQ(log.At("job-3").state, JobState::kFailed);
  EXPECT_EQ(queue.Get("job-4")->state, JobState::kCancelled);
  EXPECT_EQ(queue.List().back().id, "job-1");
}

TEST(JobQueueTest, ACancellationIsWrittenDownBeforeTheWorkHasSeenIt) {
  std::promise<void> started, finish;
  MapLog log;
  JobQueue queue(&log);
  const auto job = Start(queue, [&](JobContext&) -> absl::StatusOr<JobOutcome> {
    started.set_value();
    finish.get_future().wait();
    return absl::CancelledError("seen");
  });
  started.get_future().wait();
  ASSERT_TRUE(queue.Cancel(job->id).ok());
  EXPECT_EQ(log.At(job->id).state, JobState::kCancelled);
  finish.set_value();
  EXPECT_EQ(WaitFinished(queue, job->id), JobState::kCancelled);
}

TEST(JobQueueTest, WorkThatEndsCancelledByItselfHasFailed) {
  MapLog log;
  JobQueue queue(&log);
  const auto job = Start(queue, [](JobContext&) -> absl::StatusOr<JobOutcome> {
    return absl::CancelledError("of something else");
  });
  EXPECT_EQ(WaitFinished(queue, job->id), JobState::kFailed);
}

TEST(JobQueueTest, AWatcherCanLeave) {
  Gate gate;
  MapLog log;
  JobQueue queue(&log);
  const auto job = Start(queue, gate.Work());
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

#include "core/learn/job.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status.h"

namespace steer {
namespace {

constexpr size_t kRemembered = 1000;
constexpr int64_t kRetryDelayMs = 5000;
constexpr std::chrono::milliseconds kWatchPoll(200);

bool Finished(JobState state) {
  return state == JobState::kSucceeded || state == JobState::kFailed ||
         state == JobState::kCancelled;
}

}  // namespace

absl::string_view Name(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kSucceeded:
      return "succeeded";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  return "";
}

struct JobQueue::Job {
  JobRecord record;  // guarded by the queue's mutex
  JobWork work;      // taken by the queue's thread
  std::atomic<bool> cancelled{false};
};

// Lets the work report under the queue's lock.
class JobQueue::Context final : public JobContext {
 public:
  Context(JobQueue* queue, Job* job) : queue_(queue), job_(job) {}
  bool Progress(int done, int total) override {
    if (job_->cancelled) return false;
    const MutexLock lock(queue_->mutex_);
    job_->record.done = done;
    job_->record.total = total;
    queue_->Changed(*job_);
    return true;
  }
  bool cancelled() const override { return job_->cancelled; }
  void Trained(const TrainingProgress& progress) override {
    const MutexLock lock(queue_->mutex_);
    job_->record.training = progress;
  }

 private:
  JobQueue* const queue_;
  Job* const job_;
};

JobQueue::JobQueue(int max_queued) : max_queued_(max_queued), thread_([this] { Loop(); }) {}

JobQueue::~JobQueue() { Stop(); }

void JobQueue::Changed(Job& job) {
  ++job.record.revision;
  changed_.NotifyAll();
}

void JobQueue::Finish(Job& job, JobState state, absl::Status status) {
  job.record.state = state;
  job.record.status = std::move(status);
  job.record.finished_unix_ms = UnixMillis();
  job.work = nullptr;  // lets go of the examples
  Changed(job);
}

absl::StatusOr<JobRecord> JobQueue::Start(std::string learner, JobWork work) {
  const MutexLock lock(mutex_);
  if (stopping_) return absl::UnavailableError("the server is stopping; no more jobs");
  const auto queued = std::count_if(jobs_.begin(), jobs_.end(), [](const auto& job) {
    return job->record.state == JobState::kQueued;
  });
  if (queued >= max_queued_) {
    absl::Status full = FieldError(absl::StatusCode::kResourceExhausted,
                                   {"QUEUE_FULL", "job", absl::StrCat(queued, " jobs waiting"),
                                    absl::StrCat("fewer than ", max_queued_)});
    SetRetryDelayMs(full, kRetryDelayMs);
    return full;
  }
  const auto job = std::make_shared<Job>();
  job->record.id = absl::StrCat("job-", next_number_++);
  job->record.learner = std::move(learner);
  job->record.created_unix_ms = UnixMillis();
  job->work = std::move(work);
  jobs_.push_back(job);
  // The oldest finished ones are forgotten; the queue's bound keeps the unfinished far below the
  // limit.
  for (auto it = jobs_.begin(); jobs_.size() > kRemembered && it != jobs_.end();) {
    it = Finished((*it)->record.state) ? jobs_.erase(it) : it + 1;
  }
  Changed(*job);
  return job->record;
}

std::shared_ptr<JobQueue::Job> JobQueue::Find(absl::string_view id) const {
  for (const std::shared_ptr<Job>& job : jobs_) {
    if (job->record.id == id) return job;
  }
  return nullptr;
}

absl::StatusOr<JobRecord> JobQueue::Get(absl::string_view id) const {
  const MutexLock lock(mutex_);
  const std::shared_ptr<Job> job = Find(id);
  if (job == nullptr) return NotFound("id", "job", id);
  return job->record;
}

std::vector<JobRecord> JobQueue::List() const {
  const MutexLock lock(mutex_);
  std::vector<JobRecord> records;
  records.reserve(jobs_.size());
  for (auto it = jobs_.rbegin(); it != jobs_.rend(); ++it) records.push_back((*it)->record);
  return records;
}

absl::StatusOr<JobRecord> JobQueue::Cancel(absl::string_view id) {
  const MutexLock lock(mutex_);
  const std::shared_ptr<Job> job = Find(id);
  if (job == nullptr) return NotFound("id", "job", id);
  job->cancelled = true;
  // A running one ends when its work sees it.
  if (job->record.state == JobState::kQueued) {
    Finish(*job, JobState::kCancelled, absl::CancelledError("cancelled while it waited"));
  }
  return job->record;
}

absl::Status JobQueue::Watch(absl::string_view id,
                             const std::function<bool(const JobRecord&)>& on_change,
                             const std::function<bool()>& cancelled) const {
  std::shared_ptr<Job> job;
  {
    const MutexLock lock(mutex_);
    job = Find(id);
  }
  if (job == nullptr) return NotFound("id", "job", id);
  std::optional<uint64_t> seen;
  while (!cancelled()) {
    JobRecord record;
    {
      const MutexLock lock(mutex_);
      // A time limit, because `cancelled` cannot wake us.
      if (seen == job->record.revision) changed_.WaitUntil(mutex_, Clock::now() + kWatchPoll);
      if (seen == job->record.revision) continue;
      record = job->record;
    }
    seen = record.revision;
    if (!on_change(record)) return absl::CancelledError("the watch was stopped by its reader");
    if (Finished(record.state)) return absl::OkStatus();
  }
  return absl::CancelledError("the watch was cancelled");
}

std::shared_ptr<JobQueue::Job> JobQueue::NextQueued() {
  const MutexLock lock(mutex_);
  while (true) {
    if (stopping_) return nullptr;
    for (const std::shared_ptr<Job>& job : jobs_) {
      if (job->record.state != JobState::kQueued) continue;
      job->record.state = JobState::kRunning;
      Changed(*job);
      return job;
    }
    changed_.Wait(mutex_);
  }
}

void JobQueue::Loop() {
  while (const std::shared_ptr<Job> job = NextQueued()) {
    Context context(this, job.get());
    absl::StatusOr<JobOutcome> outcome = job->work(context);
    const MutexLock lock(mutex_);
    if (outcome.ok()) {
      job->record.signal_id = std::move(outcome->signal_id);
      job->record.curve_id = std::move(outcome->curve_id);
      job->record.results = std::move(outcome->results);
      Finish(*job, JobState::kSucceeded, absl::OkStatus());
    } else {
      const bool cancelled = job->cancelled && absl::IsCancelled(outcome.status());
      Finish(*job, cancelled ? JobState::kCancelled : JobState::kFailed,
             std::move(outcome).status());
    }
  }
}

void JobQueue::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    for (const std::shared_ptr<Job>& job : jobs_) {
      job->cancelled = true;
      if (job->record.state == JobState::kQueued) {
        Finish(*job, JobState::kCancelled, absl::CancelledError("the server stopped"));
      }
    }
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace steer

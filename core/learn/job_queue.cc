#include "core/learn/job_queue.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr size_t kRemembered = 1000;
constexpr int64_t kRetryDelayMs = 5000;
constexpr std::chrono::milliseconds kWatchPoll(200);

}  // namespace

struct JobQueue::Job {
  JobRecord record;  // guarded by the queue's mutex
  JobWork work;      // likewise; empty until a restored job is resumed
  std::atomic<bool> cancelled{false};
};

// Lets the work report under the queue's lock.
class JobQueue::Context final : public JobContext {
 public:
  Context(JobQueue* queue, Job* job) : queue_(queue), job_(job), id_(job->record.id) {}
  const std::string& id() const override { return id_; }
  bool Progress(int done, int total) override {
    if (stopped()) return false;
    const MutexLock lock(queue_->mutex_);
    job_->record.done = done;
    job_->record.total = total;
    queue_->Changed(*job_);
    return true;
  }
  bool stopped() const override { return job_->cancelled || queue_->stopping_; }
  bool interrupted() const override { return queue_->stopping_ && !job_->cancelled; }
  void Trained(const TrainingProgress& progress) override {
    const MutexLock lock(queue_->mutex_);
    job_->record.training = progress;
  }

 private:
  JobQueue* const queue_;
  Job* const job_;
  const std::string id_;
};

JobQueue::JobQueue(JobLog* log, int max_queued)
    : log_(log), max_queued_(max_queued), thread_([this] { Loop(); }) {}

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
  // A log that cannot be written has it done again after a restart: the same signal, bit for bit.
  log_->Update(job.record).IgnoreError();
  Changed(job);
}

absl::StatusOr<JobRecord> JobQueue::Start(JobRecord record, const std::string& definition,
                                          JobWork work) {
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
  job->record = std::move(record);
  job->record.created_unix_ms = UnixMillis();
  STEER_ASSIGN_OR_RETURN(job->record.id, log_->Add(job->record, definition));
  job->work = std::move(work);
  jobs_.push_back(job);
  Forget();
  Changed(*job);
  return job->record;
}

// The oldest finished ones; the queue's bound keeps the unfinished far below the limit.
void JobQueue::Forget() {
  for (auto it = jobs_.begin(); jobs_.size() > kRemembered && it != jobs_.end();) {
    it = Finished((*it)->record.state) ? jobs_.erase(it) : it + 1;
  }
}

void JobQueue::Restore(JobRecord record) {
  const MutexLock lock(mutex_);
  if (!Finished(record.state)) record.state = JobState::kQueued;
  const auto job = std::make_shared<Job>();
  job->record = std::move(record);
  jobs_.push_back(job);
  Forget();
}

void JobQueue::Resume(const std::string& id, absl::StatusOr<JobWork> work) {
  const MutexLock lock(mutex_);
  const std::shared_ptr<Job> job = Find(id);
  if (job == nullptr || job->record.state != JobState::kQueued) return;
  if (!work.ok()) {
    Finish(*job, JobState::kFailed, work.status());
    return;
  }
  job->work = *std::move(work);
  Changed(*job);
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
  if (Finished(job->record.state)) return job->record;
  job->cancelled = true;
  if (job->record.state == JobState::kQueued) {
    Finish(*job, JobState::kCancelled, absl::CancelledError("cancelled while it waited"));
    return job->record;
  }
  // A running one ends when its work sees it; after a kill before that it must not come back.
  JobRecord cancelled = job->record;
  cancelled.state = JobState::kCancelled;
  cancelled.finished_unix_ms = UnixMillis();
  STEER_RETURN_IF_ERROR(log_->Update(cancelled));
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
      if (job->record.state != JobState::kQueued || job->work == nullptr) continue;
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
    End(*job, job->work(context));
  }
}

void JobQueue::End(Job& job, absl::StatusOr<JobOutcome> outcome) {
  const MutexLock lock(mutex_);
  if (outcome.ok()) {
    job.record.outcome = *std::move(outcome);
    Finish(job, JobState::kSucceeded, absl::OkStatus());
    return;
  }
  absl::Status status = std::move(outcome).status();
  if (!absl::IsCancelled(status) || !(job.cancelled || stopping_)) {
    Finish(job, JobState::kFailed, std::move(status));
  } else if (job.cancelled) {
    Finish(job, JobState::kCancelled, std::move(status));
  } else {
    job.record.state = JobState::kQueued;
    Changed(job);
  }
}

void JobQueue::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace steer

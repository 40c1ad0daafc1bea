#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/learn/job_record.h"

namespace steer {

// What a job's work sees of its job.
class JobContext {
 public:
  virtual ~JobContext() = default;
  virtual const std::string& id() const = 0;
  // False once the job is to stop: the work then returns CANCELLED soon.
  virtual bool Progress(int done, int total) = 0;
  // Whether it is to, without a change of progress.
  virtual bool stopped() const = 0;
  // Of those, whether it will go on after a restart, so that what was done is worth keeping.
  virtual bool interrupted() const = 0;
  // Of learners that train; to be told before the progress that counts the step.
  virtual void Trained(const TrainingProgress& progress) = 0;
};
using JobWork = std::function<absl::StatusOr<JobOutcome>(JobContext&)>;

// Where jobs are written down so that they outlive the process. Called under the queue's lock.
class JobLog {
 public:
  virtual ~JobLog() = default;
  // The id of a new job, never given twice. `definition`: any bytes, by which it can be done again.
  virtual absl::StatusOr<std::string> Add(const JobRecord& record,
                                          const std::string& definition) = 0;
  virtual absl::Status Update(const JobRecord& record) = 0;
};

// Runs learning jobs one after another on a thread of its own, and remembers the last 1000.
// Thread-safe.
class JobQueue {
 public:
  // `log` outlives this.
  explicit JobQueue(JobLog* log, int max_queued = 64);
  ~JobQueue();  // as Stop

  // `record`: what is known of the job before it starts. It is in the log before this returns.
  // RESOURCE_EXHAUSTED with a retry delay when the queue is full; UNAVAILABLE after Stop.
  absl::StatusOr<JobRecord> Start(JobRecord record, const std::string& definition, JobWork work);
  // A job that the log had: finished, or waiting for Resume. In the order of their starts, and
  // before any other.
  void Restore(JobRecord record);
  // What a restored job is to do, or why it cannot be done. One that has finished stays as it is.
  void Resume(const std::string& id, absl::StatusOr<JobWork> work);

  absl::StatusOr<JobRecord> Get(absl::string_view id) const;
  std::vector<JobRecord> List() const;  // newest first
  // Idempotent: a finished job stays as it is.
  absl::StatusOr<JobRecord> Cancel(absl::string_view id);
  // Calls `on_change` with the present record and then with every newer one until the job has
  // finished (true) or until `on_change` or `cancelled` says stop (polled a few times a second).
  // Blocks.
  absl::Status Watch(absl::string_view id, const std::function<bool(const JobRecord&)>& on_change,
                     const std::function<bool()>& cancelled) const;
  // Interrupts what runs and waits for it. Unfinished jobs stay so in the log.
  void Stop();

 private:
  struct Job;
  class Context;

  std::shared_ptr<Job> Find(absl::string_view id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Changed(Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Job& job, JobState state, absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for one and marks it running; nullptr when the queue stops.
  std::shared_ptr<Job> NextQueued();
  void End(Job& job, absl::StatusOr<JobOutcome> outcome);
  void Loop();

  JobLog* const log_;
  const int max_queued_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::vector<std::shared_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);  // oldest first
  std::atomic<bool> stopping_{false};                               // set under mutex_
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace steer

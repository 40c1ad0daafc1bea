#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/learn/step_report.h"

namespace steer {

enum class JobState : uint8_t { kQueued, kRunning, kSucceeded, kFailed, kCancelled };
absl::string_view Name(JobState state);

// A snapshot of a job; a value.
struct JobRecord {
  std::string id;
  JobState state = JobState::kQueued;
  std::string learner;
  int done = 0;
  int total = 0;
  std::string signal_id;                     // set when it succeeded
  std::string curve_id;                      // likewise, if it was judged on held-out pairs
  std::optional<TrainingProgress> training;  // of learners that train, from their first step on
  std::map<std::string, double> results;     // the learner's numbers, e.g. "norm"
  absl::Status status;                       // why it failed
  int64_t created_unix_ms = 0;
  int64_t finished_unix_ms = 0;
  uint64_t revision = 0;  // grows with every change, so that a watcher can wait for the next one
};

// What a job's work sees of its job.
class JobContext {
 public:
  virtual ~JobContext() = default;
  // False once the job was cancelled: the work then returns CANCELLED soon.
  virtual bool Progress(int done, int total) = 0;
  // Whether it was, without a change of progress.
  virtual bool cancelled() const = 0;
  // Of learners that train; to be told before the progress that counts the step.
  virtual void Trained(const TrainingProgress& progress) = 0;
};

struct JobOutcome {
  std::string signal_id;
  std::string curve_id;
  std::map<std::string, double> results;
};
using JobWork = std::function<absl::StatusOr<JobOutcome>(JobContext&)>;

// Runs learning jobs one after another on a thread of its own and remembers the last 1000.
// Thread-safe. Jobs do not survive a restart; the signals they made do.
class JobQueue {
 public:
  explicit JobQueue(int max_queued = 64);
  ~JobQueue();  // cancels everything and waits

  // RESOURCE_EXHAUSTED with a retry delay when the queue is full; UNAVAILABLE after Stop.
  absl::StatusOr<JobRecord> Start(std::string learner, JobWork work);
  absl::StatusOr<JobRecord> Get(absl::string_view id) const;
  std::vector<JobRecord> List() const;  // newest first
  // Idempotent: a finished job stays as it is.
  absl::StatusOr<JobRecord> Cancel(absl::string_view id);
  // Calls `on_change` with the present record and then with every newer one until the job has
  // finished (true) or until `on_change` or `cancelled` says stop (polled a few times a second).
  // Blocks.
  absl::Status Watch(absl::string_view id, const std::function<bool(const JobRecord&)>& on_change,
                     const std::function<bool()>& cancelled) const;
  void Stop();

 private:
  struct Job;
  class Context;

  std::shared_ptr<Job> Find(absl::string_view id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Changed(Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Job& job, JobState state, absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for one and marks it running; nullptr when the queue stops.
  std::shared_ptr<Job> NextQueued();
  void Loop();

  const int max_queued_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::vector<std::shared_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);  // oldest first
  int64_t next_number_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace steer

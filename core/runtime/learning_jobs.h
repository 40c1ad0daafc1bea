#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/learn/job_queue.h"
#include "core/runtime/datasets.h"
#include "core/runtime/job_log.h"
#include "core/runtime/learn_spec.h"
#include "core/runtime/learners.h"
#include "core/runtime/learnt_signals.h"
#include "core/store/signal_store.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// Learns signals from polar pairs, one job after another; jobs and what they learnt are in the
// store. Thread-safe.
class LearningJobs {
 public:
  // All outlive this.
  struct Parts {
    const ModelInfo* model = nullptr;
    const Admission* admission = nullptr;
    const Tokenizer* tokenizer = nullptr;
    const DevicePools* pools = nullptr;
    const Scoring* scoring = nullptr;
    SignalStore* store = nullptr;
  };
  // With the jobs that the store has; those that are unfinished wait for Resume.
  static absl::StatusOr<std::unique_ptr<LearningJobs>> Create(const Parts& parts);

  // INVALID_ARGUMENT, naming the field, for what the model cannot learn; NOT_FOUND for a data set;
  // UNAVAILABLE when no device is left to learn on; the queue's refusals.
  absl::StatusOr<JobRecord> Start(LearnSpec spec);
  // Lets unfinished jobs go on. `read` turns a definition into what it means.
  using ReadDefinition = std::function<absl::StatusOr<LearnSpec>(const std::string& definition)>;
  void Resume(const ReadDefinition& read);
  // FAILED_PRECONDITION while an unfinished job needs it.
  absl::Status DeleteDataset(absl::string_view id);

  Datasets& datasets() { return datasets_; }
  JobQueue& queue() { return queue_; }

 private:
  // What a job works with: its spec with all its examples, and its learners, one per layer.
  struct Plan {
    LearnSpec spec;
    JobRecord record;  // as it starts
    SignalOrigin origin;
    std::vector<Learner> learners;
  };

  explicit LearningJobs(const Parts& parts);
  // `record`: of a job that has started already its data sets are in it.
  absl::StatusOr<Plan> Prepare(LearnSpec spec, JobRecord record) const;
  absl::Status ReadExamples(LearnSpec& spec, JobRecord& record) const;
  absl::Status ReadAutoencoder(LearnSpec& spec) const;
  JobWork WorkOf(Plan plan) const;
  // Of a job that the last process left unfinished.
  absl::StatusOr<JobWork> WorkAgain(absl::StatusOr<LearnSpec> spec, JobRecord record) const;
  absl::StatusOr<JobOutcome> Run(const Plan& plan, JobContext& context) const;
  absl::StatusOr<JobOutcome> Search(const Plan& plan, JobCheckpoint& checkpoint,
                                    JobContext& context) const;
  absl::StatusOr<LearntSignals::Kept> Learn(const Plan& plan, const Learner& learner,
                                            JobCheckpoint& checkpoint, JobContext& context) const;

  const Parts parts_;
  const Learners learners_;
  const LearntSignals signals_;
  Datasets datasets_;
  StoreJobLog log_;
  std::vector<StoreJobLog::Entry> unfinished_;  // until Resume
  JobQueue queue_;                              // last: its thread uses all of the above
};

}  // namespace steer

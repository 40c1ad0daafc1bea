#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/learn/contrast_pair.h"
#include "core/learn/job.h"
#include "core/runtime/admission.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/learn_spec.h"
#include "core/runtime/model_info.h"
#include "core/runtime/scoring.h"
#include "core/runtime/training_run.h"
#include "core/store/signal_store.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// Learns signals from polar pairs, one job after another; what was learnt is in the store.
// Thread-safe.
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
  explicit LearningJobs(const Parts& parts) : parts_(parts) {}

  // INVALID_ARGUMENT, naming the field, for what the model cannot learn; UNIMPLEMENTED where a
  // learner cannot make such a signal; the queue's refusals.
  absl::StatusOr<JobRecord> Start(const LearnSpec& spec);
  JobQueue& queue() { return queue_; }

 private:
  // A learner's work: the signal, without its marks.
  using Learner = std::function<absl::StatusOr<TrainedSignal>(JobContext&)>;

  absl::StatusOr<Learner> LearnerOf(const LearnSpec& spec, const ExtractionSpec& learner);
  absl::StatusOr<Learner> LearnerOf(const LearnSpec& spec, const TrainSpec& learner);
  absl::StatusOr<std::vector<ContrastPair>> PairsOf(const LearnSpec& spec, bool end_of_turn) const;
  // Stores it, judges it and moves its alias; a signal that cannot be judged is not kept.
  absl::StatusOr<JobOutcome> Keep(const LearnSpec& spec, TrainedSignal learnt,
                                  const JobContext& context) const;
  // Its dose curve on the held-out pairs: the curve's id and how well both laws fit it.
  absl::Status Judge(const LearnSpec& spec, double reach, const JobContext& context,
                     JobOutcome& outcome) const;

  const Parts parts_;
  JobQueue queue_;  // last: its thread uses all of the above
};

}  // namespace steer

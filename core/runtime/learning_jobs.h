#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/learn/difference_of_means.h"
#include "core/learn/job.h"
#include "core/runtime/admission.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/model_info.h"
#include "core/runtime/specs.h"
#include "core/store/signal_store.h"

namespace steer {

// Learns signals from polar pairs, one job after another; what was learnt is in the store.
// Thread-safe.
class LearningJobs {
 public:
  // All outlive this.
  LearningJobs(const ModelInfo* model, const Admission* admission, SignalStore* store,
               const DevicePools* pools)
      : model_(model), admission_(admission), store_(store), pools_(pools) {}

  absl::StatusOr<JobRecord> Start(const LearnSpec& spec);
  JobQueue& queue() { return queue_; }

 private:
  absl::StatusOr<JobOutcome> Learn(const LearnSpec& spec, int layer,
                                   const std::vector<ContrastPair>& pairs,
                                   JobContext& context) const;

  const ModelInfo* const model_;
  const Admission* const admission_;
  SignalStore* const store_;
  const DevicePools* const pools_;
  JobQueue queue_;  // last: its thread uses all of the above
};

}  // namespace steer

#pragma once

#include <string>

#include "core/learn/job_queue.h"

namespace steer {

// One of several parts of a job, all equally long, as the work of that part sees it.
class PartOfJob final : public JobContext {
 public:
  // `job` outlives this. `part`: 0 .. parts - 1.
  PartOfJob(JobContext* job, size_t part, size_t parts)
      : job_(*job), part_(static_cast<int>(part)), parts_(static_cast<int>(parts)) {}

  const std::string& id() const override { return job_.id(); }
  bool Progress(int done, int total) override {
    total_ = total;
    return job_.Progress(part_ * total + done, parts_ * total);
  }
  // The part is done, however little of it was needed.
  void Complete() { job_.Progress((part_ + 1) * total_, parts_ * total_); }
  bool stopped() const override { return job_.stopped(); }
  bool interrupted() const override { return job_.interrupted(); }
  void Trained(const TrainingProgress& progress) override { job_.Trained(progress); }

 private:
  JobContext& job_;
  const int part_, parts_;
  int total_ = 1;  // as the part's work said last
};

}  // namespace steer

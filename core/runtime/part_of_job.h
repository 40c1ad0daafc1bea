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
    return job_.Progress(part_ * total + done, parts_ * total);
  }
  bool stopped() const override { return job_.stopped(); }
  bool interrupted() const override { return job_.interrupted(); }
  void Trained(const TrainingProgress& progress) override { job_.Trained(progress); }

 private:
  JobContext& job_;
  const int part_, parts_;
};

}  // namespace steer

#pragma once

#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/runtime/runtime_fixture.h"

namespace steer {

inline const std::vector<PolarPair> kPairs = {{"the", "hello there", "an error"},
                                              {"what now", "go on", "stop it"},
                                              {"is it so", "hello", "no error"}};

// A runtime whose jobs are followed.
class LearningFixture : public RuntimeFixture {
 protected:
  // The job at its end; the last step and the last look at held-out pairs that were told.
  JobRecord End(const std::string& id, int* trained = nullptr,
                std::optional<HeldOutReport>* held_out = nullptr) {
    JobRecord last;
    const auto on_change = [&](const JobRecord& record) {
      if (trained != nullptr && record.training) *trained = record.training->last.step;
      if (held_out != nullptr && record.training) *held_out = record.training->held_out;
      last = record;
      return true;
    };
    EXPECT_TRUE(runtime_->jobs().Watch(id, on_change, [] { return false; }).ok());
    return last;
  }
  JobRecord Ended(const LearnSpec& spec, int* trained = nullptr,
                  std::optional<HeldOutReport>* held_out = nullptr) {
    const auto job = runtime_->StartJob(spec);
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? End(job->id, trained, held_out) : JobRecord();
  }
};

}  // namespace steer

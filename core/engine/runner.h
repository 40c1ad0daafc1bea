#pragma once

#include "absl/status/statusor.h"
#include "core/schedule/batch.h"

namespace steer {

// Runs one step: integers in, integers and log-probabilities out. The real one is ModelRunner;
// tests of the loop use a deterministic one without tensors.
class Runner {
 public:
  virtual ~Runner() = default;
  // An error fails the sequences of this batch only. Engine thread only.
  virtual absl::StatusOr<StepResult> Run(const Batch& batch) = 0;
};

}  // namespace steer

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/learn/training_params.h"

namespace steer {

// AdamW with the run's schedule and clipping. Not thread-safe.
class Optimizer {
 public:
  // `parameters`: leaves whose gradients are added up between two steps.
  Optimizer(std::vector<at::Tensor> parameters, const TrainingParams& params);
  ~Optimizer();

  // Of the step that comes behind so many. As in transformers' schedules: the first step of a
  // warm-up has a rate of 0.
  double LearningRate(int steps_done) const;
  // Changes the parameters and forgets the gradients; their norm before they were clipped. If it is
  // not finite nothing is changed.
  double Step(double learning_rate);

  // What AdamW remembers, by parameter; nothing before the first step.
  struct Moments {
    int64_t steps = 0;
    std::vector<at::Tensor> first, second;
  };
  Moments Remembered() const;
  void Remember(const Moments& moments);

 private:
  struct AdamW;  // hides torch/optim.h, which is slow to read

  const std::vector<at::Tensor> parameters_;
  const TrainingParams params_;
  const std::unique_ptr<AdamW> adam_w_;
};

}  // namespace steer

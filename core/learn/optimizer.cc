#include "core/learn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <utility>

#include "torch/nn/utils/clip_grad.h"
#include "torch/optim/adamw.h"

namespace steer {

struct Optimizer::AdamW {
  torch::optim::AdamW optimizer;
};

Optimizer::Optimizer(std::vector<at::Tensor> parameters, const TrainingParams& params)
    : parameters_(std::move(parameters)),
      params_(params),
      adam_w_(new AdamW{torch::optim::AdamW(
          parameters_, torch::optim::AdamWOptions().weight_decay(params.weight_decay))}) {}

Optimizer::~Optimizer() = default;

double Optimizer::LearningRate(int steps_done) const {
  const double warm_up = params_.warm_up_steps;
  if (steps_done < warm_up) return params_.learning_rate * steps_done / warm_up;
  const double way = std::min(1.0, (steps_done - warm_up) / std::max(1.0, params_.steps - warm_up));
  switch (params_.decay) {
    case Decay::kLinear:
      return params_.learning_rate * (1 - way);
    case Decay::kCosine:
      return params_.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * way));
    case Decay::kNone:
      break;
  }
  return params_.learning_rate;
}

double Optimizer::Step(double learning_rate) {
  const double most = params_.clip > 0 ? params_.clip : std::numeric_limits<double>::infinity();
  const double norm = torch::nn::utils::clip_grad_norm_(parameters_, most);
  if (!std::isfinite(norm)) return norm;
  torch::optim::AdamW& optimizer = adam_w_->optimizer;
  optimizer.param_groups()[0].options().set_lr(learning_rate);
  optimizer.step();
  optimizer.zero_grad();
  return norm;
}

Optimizer::Moments Optimizer::Remembered() const {
  Moments moments;
  for (const at::Tensor& parameter : parameters_) {
    const auto& states = adam_w_->optimizer.state();
    const auto it = states.find(parameter.unsafeGetTensorImpl());
    if (it == states.end()) return {};
    const auto& state = static_cast<const torch::optim::AdamWParamState&>(*it->second);
    moments.steps = state.step();
    moments.first.push_back(state.exp_avg());
    moments.second.push_back(state.exp_avg_sq());
  }
  return moments;
}

void Optimizer::Remember(const Moments& moments) {
  auto& states = adam_w_->optimizer.state();
  states.clear();
  for (size_t i = 0; i < moments.first.size(); ++i) {
    auto state = std::make_unique<torch::optim::AdamWParamState>();
    state->step(moments.steps);
    state->exp_avg(moments.first[i]);
    state->exp_avg_sq(moments.second[i]);
    states[parameters_[i].unsafeGetTensorImpl()] = std::move(state);
  }
}

}  // namespace steer

#pragma once

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/control/apply.h"
#include "core/control/control_plan.h"
#include "core/signal/site.h"
#include "core/weights/weight_loader.h"

namespace steer {

// y = W x + b, then what the plan adds at this linear's own site. Immutable.
class Linear {
 public:
  Linear() = default;
  Linear(Site site, at::Tensor weight, at::Tensor bias)
      : site_(site), weight_(weight), bias_(bias) {}

  // x [rows, in] -> [rows, out]
  at::Tensor Forward(const at::Tensor& x, const ControlPlan& plan) const;

  const at::Tensor& weight() const { return weight_; }

 private:
  Site site_;
  at::Tensor weight_;  // [out, in]
  at::Tensor bias_;    // [out] or undefined
};

}  // namespace steer

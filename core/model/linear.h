#pragma once

#include <utility>

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
      : site_(site), weight_(std::move(weight)), bias_(std::move(bias)) {}
  // Takes "<name>.weight" and, where there is one, "<name>.bias". `rotary_heads`: of a projection
  // whose rows are interleaved within each head, see WeightLoader::TakeRotary; else 0.
  static absl::StatusOr<Linear> Load(Site site, SiteDims dims, absl::string_view name,
                                     int64_t rotary_heads, WeightLoader& weights);

  // x [rows, in] -> [rows, out]
  at::Tensor Forward(const at::Tensor& x, const ControlPlan& plan) const;

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }

 private:
  Site site_;
  at::Tensor weight_;  // [out, in]
  at::Tensor bias_;    // [out] or undefined
};

}  // namespace steer

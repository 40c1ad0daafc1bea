#include "core/model/linear.h"

#include "ATen/ATen.h"

namespace steer {

at::Tensor Linear::Forward(const at::Tensor& x, const ControlPlan& plan) const {
  at::Tensor y = at::linear(x, weight_, bias_);  // [rows, out]
  const std::span<const PlannedTerm> terms = plan.At(site_);
  if (!terms.empty()) {
    SiteReads reads;
    reads.input = x;
    ApplyTerms(terms, reads, y);
  }
  return y;
}

}  // namespace steer

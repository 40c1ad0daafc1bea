#include "core/model/linear.h"

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace steer {

absl::StatusOr<Linear> Linear::Load(Site site, SiteDims dims, absl::string_view name,
                                    int64_t rotary_heads, WeightLoader& weights) {
  const std::string weight_name = absl::StrCat(name, ".weight");
  const std::string bias_name = absl::StrCat(name, ".bias");
  STEER_ASSIGN_OR_RETURN(const at::Tensor weight,
                         rotary_heads > 0
                             ? weights.TakeRotary(weight_name, {dims.out, dims.in}, rotary_heads)
                             : weights.Take(weight_name, {dims.out, dims.in}));
  if (!weights.Contains(bias_name)) return Linear(site, weight, at::Tensor());
  STEER_ASSIGN_OR_RETURN(at::Tensor bias, weights.Take(bias_name, {dims.out}));
  if (rotary_heads > 0) bias = bias.view({rotary_heads, -1, 2}).transpose(1, 2).reshape({dims.out});
  return Linear(site, weight, bias);
}

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

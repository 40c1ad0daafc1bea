#include "core/model/rope.h"

#include "ATen/ATen.h"
#include "core/base/check.h"
#include "core/control/wide_type.h"

namespace steer {

Rope::Rope(const RopeConfig& config, int64_t rotary_dim, at::Device device)
    : amplitude_(config.amplitude) {
  const at::Tensor index = at::arange(0, rotary_dim, 2, at::dtype(at::kFloat));
  // In fp32 as every reference does it: at far positions the last bit of a frequency is an angle.
  frequencies_ = at::pow(config.theta, index / static_cast<double>(rotary_dim)).reciprocal();
  if (!config.divisors.empty()) {
    STEER_CHECK(static_cast<int64_t>(config.divisors.size()) == rotary_dim / 2);
    frequencies_.div_(at::tensor(config.divisors, at::dtype(at::kDouble)).to(at::kFloat));
  }
  frequencies_ = frequencies_.to(device);
}

RopeRows Rope::At(const at::Tensor& positions) const {
  const at::Tensor angle = at::outer(positions.to(at::kFloat), frequencies_);
  const auto rows = [this](const at::Tensor& half) {
    if (amplitude_ != 1) half.mul_(amplitude_);
    return at::cat({half, half}, 1).unsqueeze(1);  // [rows, 1, rotary_dim]
  };
  return {rows(angle.cos()), rows(angle.sin())};
}

at::Tensor Rotate(const at::Tensor& x, const RopeRows& rope) {
  const int64_t head_dim = x.size(-1), rotary_dim = rope.cos.size(-1);
  const at::Tensor part = rotary_dim == head_dim ? x : x.narrow(-1, 0, rotary_dim);
  const at::Tensor wide = part.to(WideType(part.scalar_type()));
  const std::vector<at::Tensor> halves = wide.chunk(2, -1);
  const at::Tensor across = at::cat({halves[1].neg(), halves[0]}, -1);
  at::Tensor turned =
      (wide * rope.cos).addcmul_(across, rope.sin).to(x.scalar_type());  // [rows, heads, rotary]
  if (rotary_dim == head_dim) return turned;
  return at::cat({turned, x.narrow(-1, rotary_dim, head_dim - rotary_dim)}, -1);
}

}  // namespace steer

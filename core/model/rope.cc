#include "core/model/rope.h"

#include "ATen/ATen.h"

namespace steer {

Rope::Rope(int64_t head_dim, double theta, int positions, at::Device device) {
  const at::Tensor index = at::arange(0, head_dim, 2, at::dtype(at::kFloat));  // [head_dim / 2]
  const at::Tensor frequency = at::pow(theta, index / static_cast<double>(head_dim)).reciprocal();
  const at::Tensor angle = at::outer(at::arange(positions, at::dtype(at::kFloat)),
                                     frequency);       // [positions, head_dim / 2]
  const at::Tensor both = at::cat({angle, angle}, 1);  // [positions, head_dim]
  cos_ = both.cos().to(device);
  sin_ = both.sin().to(device);
}

RopeRows Rope::At(const at::Tensor& positions) const {
  return {cos_.index_select(0, positions).unsqueeze(1),
          sin_.index_select(0, positions).unsqueeze(1)};
}

at::Tensor Rotate(const at::Tensor& x, const RopeRows& rope) {
  const at::Tensor wide = x.to(at::kFloat);
  const std::vector<at::Tensor> halves = wide.chunk(2, -1);
  const at::Tensor turned = at::cat({halves[1].neg(), halves[0]}, -1);
  return (wide * rope.cos).addcmul_(turned, rope.sin).to(x.scalar_type());
}

}  // namespace steer

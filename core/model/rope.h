#pragma once

#include "ATen/core/Tensor.h"
#include "core/model/model_config.h"

namespace steer {

// Cosines and sines of the rows of one step, fp32 [rows, 1, rotary_dim].
struct RopeRows {
  at::Tensor cos;
  at::Tensor sin;
};

// Rotary position embedding of one RopeConfig with the halves of what turns one after the other:
// pair (i, i + rotary_dim / 2) turns by the angle that RopeConfig gives it. Immutable.
class Rope {
 public:
  Rope(const RopeConfig& config, int64_t rotary_dim, at::Device device);

  // positions: int64 [rows]
  RopeRows At(const at::Tensor& positions) const;

 private:
  at::Tensor frequencies_;  // fp32 [rotary_dim / 2]
  double amplitude_;
};

// x [rows, heads, head_dim] with the first rotary_dim of each head turned; same type as x, computed
// in fp32.
at::Tensor Rotate(const at::Tensor& x, const RopeRows& rope);

}  // namespace steer

#pragma once

#include "ATen/core/Tensor.h"

namespace steer {

// Cosines and sines of the rows of one step, fp32 [rows, 1, head_dim].
struct RopeRows {
  at::Tensor cos;
  at::Tensor sin;
};

// Rotary position embedding with the halves of a head one after the other: pair (i, i + head_dim /
// 2) turns by position * theta^(-2 i / head_dim). Immutable.
class Rope {
 public:
  Rope() = default;
  Rope(int64_t head_dim, double theta, int positions, at::Device device);

  // positions: int64 [rows]
  RopeRows At(const at::Tensor& positions) const;

 private:
  at::Tensor cos_;  // fp32 [positions, head_dim]
  at::Tensor sin_;
};

// x [rows, heads, head_dim] turned; same type as x, computed in fp32.
at::Tensor Rotate(const at::Tensor& x, const RopeRows& rope);

}  // namespace steer

#pragma once

#include "ATen/core/Tensor.h"

namespace steer {

// h + m R^T (W h + b - R h): the coordinates of h along the rows of R become W h + b at m = 1, and
// nothing orthogonal to them changes (LoReFT; D-ReFT, arXiv 2506.06686, served by its mean). W = R
// with no b does nothing.
struct LowRankAffineTerm {
  static constexpr int kOrder = 2;
  at::Tensor r;  // [rank, hidden], orthonormal rows
  at::Tensor w;  // [rank, hidden]
  at::Tensor b;  // [rank]; undefined where absent
};

// What m = 1 adds to the rows h: [n, hidden], in the type of `h`, which is that of the tensors.
at::Tensor Delta(const LowRankAffineTerm& term, const at::Tensor& h);

}  // namespace steer

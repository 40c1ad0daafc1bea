#pragma once

#include <cstdint>

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
  // While it learns as a distribution, whose mean is served (D-ReFT): W h + b + sigma eps instead
  // of W h + b, with log sigma^2 = W_sigma h + b_sigma held between -14 and -3.2, and eps ~ N(0, 1)
  // of `seed` for each row.
  at::Tensor w_sigma;  // [rank, hidden]; undefined otherwise
  at::Tensor b_sigma;  // [rank]
  uint64_t seed = 0;
};

// What m = 1 adds to the rows h: [n, hidden], in the type of `h`, which is that of the tensors.
at::Tensor Delta(const LowRankAffineTerm& term, const at::Tensor& h);

}  // namespace steer

#pragma once

#include "ATen/core/Tensor.h"

namespace steer {

// h + m W^T (a - W h): the coordinates of h along the rows of W become a at m = 1, whatever they
// were, and nothing orthogonal to them changes (CDAS, arXiv 2602.05234; with a = 0 directional
// ablation). Idempotent at m = 1; m between 0 and 1 goes a part of the way.
struct ClampTerm {
  static constexpr int kOrder = 3;
  at::Tensor w;  // [rank, hidden], orthonormal rows
  at::Tensor a;  // [rank]
};

// What m = 1 adds to the rows h: [n, hidden], in the type of `h`, which is that of the tensors.
at::Tensor Delta(const ClampTerm& term, const at::Tensor& h);

}  // namespace steer

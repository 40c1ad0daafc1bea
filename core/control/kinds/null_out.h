#pragma once

#include "ATen/core/Tensor.h"

namespace steer {

// h - m relu(w.h + b) / |w|^2 w: what points along w beyond -b is taken out at m = 1, so that
// w.h' <= -b; a row that does not point there stays (RePS, arXiv 2505.20809, its suppression in
// training). Idempotent at m = 1.
struct NullOutTerm {
  static constexpr int kOrder = 3;
  at::Tensor w;  // [hidden], not 0
  at::Tensor b;  // [1]; undefined where absent
};

// What m = 1 adds to the rows h: [n, hidden], in the type of `h`, which is that of the tensors.
at::Tensor Delta(const NullOutTerm& term, const at::Tensor& h);

}  // namespace steer

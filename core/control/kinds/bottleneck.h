#pragma once

#include "ATen/core/Tensor.h"
#include "core/signal/signal_kind.h"

namespace steer {

// h + m (U phi(D h + e) + b): an adapter behind the block ("Weight Updates as Activation Shifts",
// arXiv 2603.00425, linear and non-linear). U = 0 with no b does nothing.
struct BottleneckTerm {
  static constexpr int kOrder = 1;
  Nonlinearity phi = Nonlinearity::kIdentity;
  at::Tensor d;  // [rank, hidden]
  at::Tensor u;  // [hidden, rank]
  at::Tensor e;  // [rank]; undefined where absent
  at::Tensor b;  // [hidden]; undefined where absent
};

// What m = 1 adds to the rows h: [n, hidden], in the type of `h`, which is that of the tensors.
at::Tensor Delta(const BottleneckTerm& term, const at::Tensor& h);

}  // namespace steer

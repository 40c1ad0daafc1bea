#include "core/control/kinds/bottleneck.h"

#include "ATen/ATen.h"

namespace steer {

at::Tensor Delta(const BottleneckTerm& term, const at::Tensor& h) {
  at::Tensor inner = at::linear(h, term.d, term.e);  // [n, rank]
  if (term.phi == Nonlinearity::kSilu) inner = at::silu(inner);
  return at::linear(inner, term.u, term.b);  // [n, hidden]
}

}  // namespace steer

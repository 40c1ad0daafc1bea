#include "core/control/kinds/clamp.h"

#include "ATen/ATen.h"

namespace steer {

at::Tensor Delta(const ClampTerm& term, const at::Tensor& h) {
  return (term.a - at::linear(h, term.w)).matmul(term.w);  // [n, hidden]
}

}  // namespace steer

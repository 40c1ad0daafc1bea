#include "core/control/kinds/null_out.h"

#include "ATen/ATen.h"

namespace steer {

at::Tensor Delta(const NullOutTerm& term, const at::Tensor& h) {
  const at::Tensor beyond = at::relu(at::linear(h, term.w.unsqueeze(0), term.b));  // [n, 1]
  return beyond * (term.w / -term.w.square().sum());                               // [n, hidden]
}

}  // namespace steer

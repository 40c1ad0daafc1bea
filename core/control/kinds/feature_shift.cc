#include "core/control/kinds/feature_shift.h"

#include "ATen/ATen.h"

namespace steer {

at::Tensor Shift(const FeatureShiftTerm& term, const at::Tensor& h) {
  const at::Tensor x = at::linear(h, term.w_a, term.b_a);  // [n, features]
  return x.sign() * at::relu(x.abs() - term.tau);
}

at::Tensor Delta(const FeatureShiftTerm& term, const at::Tensor& h) {
  const at::Tensor z = at::linear(h, term.w_enc, term.b_enc);  // [n, features]
  const at::Tensor f = term.threshold.defined() ? z * z.gt(term.threshold) : at::relu(z);
  return (at::relu(f + Shift(term, h)) - f).matmul(term.w_dec);  // [n, hidden]
}

}  // namespace steer

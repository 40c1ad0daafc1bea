#include "core/control/kinds/low_rank_affine.h"

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"

namespace steer {
namespace {

// sigma eps of the rows h: [n, rank].
at::Tensor Sample(const LowRankAffineTerm& term, const at::Tensor& h) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(term.seed);
  const at::Tensor sigma =
      at::linear(h, term.w_sigma, term.b_sigma).clamp(-14, -3.2).div(2).exp();  // [n, rank]
  return sigma * at::randn(sigma.sizes(), generator, at::dtype(at::kFloat)).to(sigma.options());
}

}  // namespace

at::Tensor Delta(const LowRankAffineTerm& term, const at::Tensor& h) {
  // One product for both, and exactly 0 where W is R.
  at::Tensor change = at::linear(h, term.w - term.r, term.b);  // [n, rank]
  if (term.w_sigma.defined()) change = change + Sample(term, h);
  return change.matmul(term.r);  // [n, hidden]
}

}  // namespace steer

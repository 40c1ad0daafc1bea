#include "core/control/kinds/low_rank_affine.h"

#include "ATen/ATen.h"

namespace steer {

at::Tensor Delta(const LowRankAffineTerm& term, const at::Tensor& h) {
  // One product for both, and exactly 0 where W is R.
  return at::linear(h, term.w - term.r, term.b).matmul(term.r);  // [n, hidden]
}

}  // namespace steer

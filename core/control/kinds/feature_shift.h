#pragma once

#include "ATen/core/Tensor.h"

namespace steer {

// h + m (relu(f + v) - f) W_dec, where f are the features that a sparse autoencoder finds in h and
// v is what an adapter adds to them (FSRL, arXiv 2509.12934):
//   z = W_enc h + b_enc, f = relu(z), or z where z > threshold and 0 elsewhere
//   x = W_a h + b_a,     v = sign(x) relu(|x| - tau)
// The autoencoder's error stays in h, so v = 0 does nothing, however bad it is. What it takes off
// its input before encoding is part of b_enc and b_a.
struct FeatureShiftTerm {
  static constexpr int kOrder = 1;
  at::Tensor w_enc;      // [features, hidden]
  at::Tensor b_enc;      // [features]
  at::Tensor w_dec;      // [features, hidden]
  at::Tensor w_a;        // [features, hidden]
  at::Tensor b_a;        // [features]
  at::Tensor tau;        // [features], from 0 up
  at::Tensor threshold;  // [features], from 0 up; undefined where absent
};

// v of the rows h: [n, hidden] -> [n, features].
at::Tensor Shift(const FeatureShiftTerm& term, const at::Tensor& h);

// What m = 1 adds to the rows h: [n, hidden], in the type of `h`, which is that of the tensors. Not
// differentiable in the threshold.
at::Tensor Delta(const FeatureShiftTerm& term, const at::Tensor& h);

}  // namespace steer

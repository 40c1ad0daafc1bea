#pragma once

#include <span>

#include "ATen/core/Tensor.h"
#include "core/control/control_plan.h"

namespace steer {

// What a weight delta may read in a block, as this step computed it. Undefined where the site does
// not offer it.
struct SiteReads {
  at::Tensor input;     // [rows, in] of the site's own linear
  at::Tensor block_in;  // [rows, hidden] residual stream entering the block
  at::Tensor attn_in;   // [rows, hidden] after the attention norm
  at::Tensor mlp_in;    // [rows, hidden] after the MLP norm
  at::Tensor mlp_mid;   // [rows, ffn]
};

// Lets the terms act on y [rows, out], one after another, each on the rows R that asked for it. The
// affine kinds are one formula (paper section 1):
//   y[R] += m1 (x[R] A^T) B^T  or  m1 x[R] dW^T,   and   y[R] += m2 db
// and the others another, f being their Delta (kinds/):
//   y[R] += m1 f(y[R])
// Sums are made in fp32 whatever the type of `y` (see WideType). Rows outside R are not touched.
// Differentiable in the terms' tensors and multipliers, in what is read and in `y`, which may be a
// new tensor afterwards.
void ApplyTerms(std::span<const PlannedTerm> terms, const SiteReads& reads, at::Tensor& y);

}  // namespace steer

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

// The one formula of every affine kind (paper section 1), on the rows R that asked for it:
//   y[R] += m1 (x[R] A^T) B^T  or  m1 x[R] dW^T,   and   y[R] += m2 db
// Adds in place; the sum is made in fp32 whatever the type of `y` (see WideType). Rows outside R
// are not touched. Differentiable in the terms' tensors and multipliers and in what is read.
void ApplyTerms(std::span<const PlannedTerm> terms, const SiteReads& reads, at::Tensor& y);

}  // namespace steer

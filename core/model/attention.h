#pragma once

#include "ATen/core/Tensor.h"
#include "core/model/kv_cache.h"
#include "core/model/step_input.h"

namespace steer {

// Causal attention with grouped heads, sequence by sequence, softmax in fp32.
//   q [rows, heads, head_dim], k and v [rows, kv_heads, head_dim] of this step (rotated) -> [rows,
//   heads * head_dim]
// With a cache, k and v are stored first and each sequence attends to all its positions so far;
// without one, each sequence must begin at position 0 and attends within the step.
at::Tensor Attend(const StepInput& input, int layer, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, KvCache* cache);

}  // namespace steer

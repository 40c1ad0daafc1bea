#pragma once

#include "ATen/core/Tensor.h"
#include "core/model/kv_cache.h"
#include "core/model/step_input.h"

namespace steer {

// What one layer's attention is: see ModelConfig.
struct AttentionConfig {
  int layer = 0;
  int window = 0;
  double scale = 1;
  double soft_cap = 0;
};

// The rows of a step, keys and queries turned: q [rows, heads, head_dim], k and v [rows, kv_heads,
// head_dim].
struct AttentionRows {
  at::Tensor q, k, v;
};

// Causal attention with grouped heads, sequence by sequence, softmax and soft cap in fp32 -> [rows,
// heads * head_dim].
// With a cache, k and v are stored first and each sequence attends to all its positions so far that
// its window shows; without one, each sequence attends to itself and to the rows of the step that
// come before it.
at::Tensor Attend(const AttentionConfig& config, const StepInput& input, const AttentionRows& rows,
                  KvCache* cache);

}  // namespace steer

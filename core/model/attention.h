#pragma once

#include <cstdint>
#include <span>

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
  at::Tensor q;
  at::Tensor k, v;                  // as later positions see them
  at::Tensor own_k, own_v;          // as each position sees its own
  std::span<const int64_t> edited;  // ascending; elsewhere the two are equal
};

// Causal attention with grouped heads, sequence by sequence, softmax and soft cap in fp32 -> [rows,
// heads * head_dim].
// With a cache, k and v are stored first and each sequence attends to all its positions so far that
// its window shows; without one, each sequence attends to itself and to the rows of the step that
// come before it. A position's own key and value are own_k and own_v.
at::Tensor Attend(const AttentionConfig& config, const StepInput& input, const AttentionRows& rows,
                  KvCache* cache);

}  // namespace steer

#pragma once

#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/model/model_config.h"

namespace steer {

// Keys (after rotation) and values of all layers in blocks of positions, a pool of blocks for each
// KV group. Which block belongs to whom is the block pools' knowledge; here a slot is just block *
// block_size + offset. Engine thread only.
class KvCache {
 public:
  // `block_counts`: by KV group of `config`.
  KvCache(const ModelConfig& config, const std::vector<int>& block_counts, int block_size,
          at::ScalarType dtype, at::Device device);

  // The group of a layer.
  int group(int layer) const { return group_of_[layer]; }

  // Stores the rows of k and v [rows, kv_heads, head_dim] at `slots` [rows].
  void Append(int layer, const at::Tensor& slots, const at::Tensor& k, const at::Tensor& v);
  // Keys and values at `slots` [n], each [n, kv_heads, head_dim].
  std::pair<at::Tensor, at::Tensor> Gather(int layer, const at::Tensor& slots) const;

  int64_t bytes() const;
  // Of one block over all layers of `group`.
  static int64_t BlockBytes(const ModelConfig& config, const KvGroup& group, int block_size,
                            at::ScalarType dtype);

 private:
  std::vector<int> group_of_;  // by layer
  std::vector<at::Tensor> k_;  // per layer [slots, kv_heads, head_dim]
  std::vector<at::Tensor> v_;
};

}  // namespace steer

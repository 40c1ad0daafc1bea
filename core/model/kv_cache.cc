#include "core/model/kv_cache.h"

#include "ATen/ATen.h"
#include "core/base/check.h"

namespace steer {

KvCache::KvCache(const ModelConfig& config, const std::vector<int>& block_counts, int block_size,
                 at::ScalarType dtype, at::Device device)
    : group_of_(config.layers), k_(config.layers), v_(config.layers) {
  const std::vector<KvGroup> groups = config.kv_groups();
  STEER_CHECK(block_counts.size() == groups.size());
  for (size_t group = 0; group < groups.size(); ++group) {
    const std::vector<int64_t> shape = {int64_t{block_counts[group]} * block_size, config.kv_heads,
                                        config.head_dim};
    for (const int layer : groups[group].layers) {
      group_of_[layer] = static_cast<int>(group);
      k_[layer] = at::empty(shape, at::dtype(dtype).device(device));
      v_[layer] = at::empty(shape, at::dtype(dtype).device(device));
    }
  }
}

void KvCache::Append(int layer, const at::Tensor& slots, const at::Tensor& k, const at::Tensor& v) {
  k_[layer].index_copy_(0, slots, k);
  v_[layer].index_copy_(0, slots, v);
}

std::pair<at::Tensor, at::Tensor> KvCache::Gather(int layer, const at::Tensor& slots) const {
  return {k_[layer].index_select(0, slots), v_[layer].index_select(0, slots)};
}

int64_t KvCache::bytes() const {
  int64_t bytes = 0;
  for (const at::Tensor& k : k_) bytes += 2 * static_cast<int64_t>(k.nbytes());
  return bytes;
}

int64_t KvCache::BlockBytes(const ModelConfig& config, const KvGroup& group, int block_size,
                            at::ScalarType dtype) {
  return 2 * static_cast<int64_t>(c10::elementSize(dtype)) *
         static_cast<int64_t>(group.layers.size()) * block_size * config.kv_heads * config.head_dim;
}

}  // namespace steer

#include "core/model/kv_cache.h"

#include "ATen/ATen.h"

namespace steer {

KvCache::KvCache(const ModelConfig& config, int block_count, int block_size, at::ScalarType dtype,
                 at::Device device) {
  const std::vector<int64_t> shape = {static_cast<int64_t>(block_count) * block_size,
                                      config.kv_heads, config.head_dim};
  for (int layer = 0; layer < config.layers; ++layer) {
    k_.push_back(at::empty(shape, at::dtype(dtype).device(device)));
    v_.push_back(at::empty(shape, at::dtype(dtype).device(device)));
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

int64_t KvCache::BlockBytes(const ModelConfig& config, int block_size, at::ScalarType dtype) {
  return 2 * static_cast<int64_t>(c10::elementSize(dtype)) * config.layers * block_size *
         config.kv_heads * config.head_dim;
}

}  // namespace steer

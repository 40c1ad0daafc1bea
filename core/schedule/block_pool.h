#pragma once

#include <optional>
#include <vector>

namespace steer {

// Hands out the numbers of KV blocks. Integers only; the tensors are core/model's KvCache. Engine
// thread only.
class BlockPool {
 public:
  BlockPool(int block_count, int block_size);

  // `count` more blocks, or none at all.
  std::optional<std::vector<int>> Allocate(int count);
  void Free(const std::vector<int>& blocks);

  int block_size() const { return block_size_; }
  int total() const { return total_; }
  int used() const { return total_ - static_cast<int>(free_.size()); }
  // Blocks that hold `tokens` positions.
  int BlocksFor(int tokens) const { return (tokens + block_size_ - 1) / block_size_; }

 private:
  int block_size_;
  int total_;
  std::vector<int> free_;
};

}  // namespace steer

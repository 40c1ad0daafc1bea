#pragma once

#include <optional>
#include <vector>

namespace steer {

// Hands out the numbers of KV blocks, 0 .. block_count - 1. Integers only; the tensors are
// core/model's KvCache. Engine thread only.
class BlockPool {
 public:
  // `block_count` 0 or more, `block_size` 1 or more positions.
  BlockPool(int block_count, int block_size);

  // `count` more blocks, or none at all.
  std::optional<std::vector<int>> Allocate(int count);
  // Only blocks that are handed out; anything else is a bug of ours and aborts.
  void Free(const std::vector<int>& blocks);

  int block_size() const { return block_size_; }
  int total() const { return total_; }
  int used() const { return total_ - static_cast<int>(free_.size()); }
  // Blocks that hold `tokens` positions.
  int BlocksFor(int tokens) const {
    return tokens / block_size_ + (tokens % block_size_ != 0 ? 1 : 0);
  }

 private:
  int block_size_;
  int total_;
  std::vector<int> free_;     // the last one goes out next: it is the likeliest to be in a cache
  std::vector<bool> in_use_;  // by block
};

}  // namespace steer

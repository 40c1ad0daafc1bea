#include "core/schedule/block_pool.h"

#include <numeric>

#include "core/base/check.h"

namespace steer {

BlockPool::BlockPool(int block_count, int block_size)
    : block_size_(block_size), total_(block_count), free_(block_count), in_use_(block_count) {
  STEER_CHECK(block_size >= 1);
  std::iota(free_.rbegin(), free_.rend(), 0);
}

std::optional<std::vector<int>> BlockPool::Allocate(int count) {
  STEER_CHECK(count >= 0);
  if (count > static_cast<int>(free_.size())) return std::nullopt;
  std::vector<int> blocks(free_.rbegin(), free_.rbegin() + count);
  free_.resize(free_.size() - count);
  for (const int block : blocks) in_use_[block] = true;
  return blocks;
}

void BlockPool::Free(const std::vector<int>& blocks) {
  for (const int block : blocks) {
    STEER_CHECK(block >= 0 && block < total_ && in_use_[block]);
    in_use_[block] = false;
    free_.push_back(block);
  }
}

}  // namespace steer

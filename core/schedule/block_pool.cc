#include "core/schedule/block_pool.h"

#include <numeric>
#include <utility>

#include "core/base/check.h"

namespace steer {

BlockPool::BlockPool(int block_count, int block_size, std::shared_ptr<PrefixIndex> index,
                     size_t group)
    : block_size_(block_size),
      index_(std::move(index)),
      group_(group),
      blocks_(block_count),
      empty_(block_count) {
  STEER_CHECK(block_size >= 1);
  std::iota(empty_.rbegin(), empty_.rend(), 0);
}

std::optional<int> BlockPool::Allocate() {
  int block = 0;
  if (!empty_.empty()) {
    block = empty_.back();
    empty_.pop_back();
  } else if (!unused_.empty()) {
    block = unused_.front();
    unused_.pop_front();
    Forget(block);
  } else {
    return std::nullopt;
  }
  blocks_[block].users = 1;
  ++used_;
  return block;
}

std::optional<int> BlockPool::Find(const BlockKey& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  Block& block = blocks_[found->second];
  if (block.users++ == 0) {
    unused_.erase(block.in_unused);
    ++used_;
  }
  return found->second;
}

void BlockPool::Publish(int block, const BlockKey& key) {
  STEER_CHECK(block >= 0 && block < total() && blocks_[block].users > 0);
  if (blocks_[block].key || !by_key_.emplace(key, block).second) return;
  blocks_[block].key = key;
  if (index_ != nullptr) index_->Add(key, group_);
}

void BlockPool::Release(int block) {
  STEER_CHECK(block >= 0 && block < total() && blocks_[block].users > 0);
  if (--blocks_[block].users > 0) return;
  --used_;
  if (blocks_[block].key) {
    blocks_[block].in_unused = unused_.insert(unused_.end(), block);
  } else {
    empty_.push_back(block);
  }
}

void BlockPool::Release(const std::vector<int>& blocks) {
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) Release(*block);
}

bool BlockPool::InUse(const BlockKey& key) const {
  const auto found = by_key_.find(key);
  return found != by_key_.end() && blocks_[found->second].users > 0;
}

void BlockPool::Forget(int block) {
  by_key_.erase(*blocks_[block].key);
  if (index_ != nullptr) index_->Remove(*blocks_[block].key, group_);
  blocks_[block].key.reset();
}

}  // namespace steer

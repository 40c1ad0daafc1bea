#include "core/schedule/prefix_index.h"

namespace steer {

void PrefixIndex::Add(const BlockKey& key, size_t group) {
  const MutexLock lock(mutex_);
  keys_[group].insert(key);
}

void PrefixIndex::Remove(const BlockKey& key, size_t group) {
  const MutexLock lock(mutex_);
  keys_[group].erase(key);
}

int PrefixIndex::Match(std::span<const BlockKey> keys) const {
  const MutexLock lock(mutex_);
  const auto& held = keys_;
  return ReusableEnd(groups_, block_size_, 0, static_cast<int>(keys.size()),
                     [&](size_t group, int block) { return held[group].contains(keys[block]); });
}

}  // namespace steer

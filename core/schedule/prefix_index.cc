#include "core/schedule/prefix_index.h"

namespace steer {

void PrefixIndex::Add(const BlockKey& key) {
  const MutexLock lock(mutex_);
  keys_.insert(key);
}

void PrefixIndex::Remove(const BlockKey& key) {
  const MutexLock lock(mutex_);
  keys_.erase(key);
}

int PrefixIndex::Match(std::span<const BlockKey> keys) const {
  const MutexLock lock(mutex_);
  int matched = 0;
  for (const BlockKey& key : keys) {
    if (!keys_.contains(key)) break;
    ++matched;
  }
  return matched;
}

}  // namespace steer

#pragma once

#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/base/mutex.h"
#include "core/schedule/block_group.h"
#include "core/schedule/block_key.h"

namespace steer {

// Which blocks a device's cache holds, for whoever chooses a device. Written by its block pools,
// read by any thread. Thread-safe.
class PrefixIndex {
 public:
  // Of one pool of blocks from which nothing drops out.
  PrefixIndex() : PrefixIndex({{}}, 1) {}
  PrefixIndex(std::vector<BlockGroup> groups, int block_size)
      : groups_(std::move(groups)), block_size_(block_size), keys_(groups_.size()) {}

  void Add(const BlockKey& key, size_t group = 0);
  void Remove(const BlockKey& key, size_t group = 0);
  // How many of the first `keys`, which are a sequence's, it could take over from the cache.
  int Match(std::span<const BlockKey> keys) const;

 private:
  const std::vector<BlockGroup> groups_;
  const int block_size_;
  mutable Mutex mutex_;
  std::vector<absl::flat_hash_set<BlockKey>> keys_ ABSL_GUARDED_BY(mutex_);  // by group
};

}  // namespace steer

#pragma once

#include <span>

#include "absl/container/flat_hash_set.h"
#include "core/base/mutex.h"
#include "core/schedule/block_key.h"

namespace steer {

// Which blocks a device's cache holds, for whoever chooses a device. Written by its block pool,
// read by any thread. Thread-safe.
class PrefixIndex {
 public:
  void Add(const BlockKey& key);
  void Remove(const BlockKey& key);
  // How many of the first `keys` are there, up to the first that is not.
  int Match(std::span<const BlockKey> keys) const;

 private:
  mutable Mutex mutex_;
  absl::flat_hash_set<BlockKey> keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace steer

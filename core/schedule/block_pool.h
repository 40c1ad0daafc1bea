#pragma once

#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/schedule/block_key.h"
#include "core/schedule/prefix_index.h"

namespace steer {

// Hands out the numbers of KV blocks, 0 .. block_count - 1, counts who uses them and finds full
// ones again by their key. A block that nobody uses keeps its contents until its place is needed:
// the least recently used goes first. Integers only; the tensors are core/model's KvCache. Engine
// thread only.
class BlockPool {
 public:
  // `block_count` 0 or more, `block_size` 1 or more positions. `index`, if given, hears which keys
  // come and go in `group`, which is this one.
  BlockPool(int block_count, int block_size, std::shared_ptr<PrefixIndex> index = nullptr,
            size_t group = 0);

  // A block for one user, with nothing in it; nullopt if all are in use.
  std::optional<int> Allocate();
  // The block that holds this, for one more user; nullopt if there is none.
  std::optional<int> Find(const BlockKey& key);
  // `block`, which is in use, is full and holds this. Where another block holds the same, that one
  // stays the one to be found.
  void Publish(int block, const BlockKey& key);
  // One user fewer. Only of blocks in use; anything else is a bug of ours and aborts.
  void Release(int block);
  // Release of a sequence's blocks in order of position: the end of a prefix is forgotten before
  // its beginning.
  void Release(const std::vector<int>& blocks);

  bool Holds(const BlockKey& key) const { return by_key_.contains(key); }
  // Whether somebody uses the block that holds `key`.
  bool InUse(const BlockKey& key) const;

  int block_size() const { return block_size_; }
  int total() const { return static_cast<int>(blocks_.size()); }
  int used() const { return used_; }
  int available() const { return total() - used_; }
  // Not in use, but may be found again.
  int cached() const { return static_cast<int>(unused_.size()); }
  // Blocks that hold `tokens` positions.
  int BlocksFor(int tokens) const {
    return tokens / block_size_ + (tokens % block_size_ != 0 ? 1 : 0);
  }

 private:
  struct Block {
    int users = 0;
    std::optional<BlockKey> key;         // set: found by it
    std::list<int>::iterator in_unused;  // valid while users == 0 and key is set
  };
  void Forget(int block);

  int block_size_;
  std::shared_ptr<PrefixIndex> index_;
  size_t group_;
  std::vector<Block> blocks_;
  std::vector<int> empty_;  // nobody's, nothing to be found; the last one goes out next
  std::list<int> unused_;   // nobody's, to be found by key; least recently used first
  absl::flat_hash_map<BlockKey, int> by_key_;
  int used_ = 0;
};

}  // namespace steer

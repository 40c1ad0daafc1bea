#pragma once

#include <memory>

#include "absl/container/flat_hash_set.h"
#include "core/schedule/block_pool.h"
#include "core/schedule/sequence.h"

namespace steer {

// Gives sequences their KV blocks: empty ones, and those in which somebody has computed the same
// already. Engine thread only.
class SequenceBlocks {
 public:
  // Without `share` every sequence computes everything itself.
  SequenceBlocks(BlockPool pool, bool share) : pool_(std::move(pool)), share_(share) {}

  const BlockPool& pool() const { return pool_; }

  // One empty block more; false if there is none.
  bool Take(Sequence& sequence);
  // Takes over the blocks that follow what the sequence has, as far as the pool holds them and
  // they tell nothing that has to be computed. Answers their positions.
  int TakeOver(Sequence& sequence);
  // What `positions` of the sequence would take of the blocks that are available now.
  int Missing(Sequence& sequence, int positions) const;
  // Lets others find the blocks that are full.
  void Publish(Sequence& sequence);
  // All of them. What was published may still be found.
  void Release(Sequence& sequence);

  // A step is planned anew.
  void BeginStep() { being_computed_.clear(); }
  // The step computes these positions of the sequence.
  void Plan(Sequence& sequence, int begin, int end);
  // Whether a sequence planned before fills, in this step, the very block that this one needs next.
  bool IsBeingComputed(Sequence& sequence) const;

 private:
  // Whether its next block may come from somebody else.
  bool MayTakeOver(const Sequence& sequence) const;

  BlockPool pool_;
  bool share_;
  absl::flat_hash_set<BlockKey> being_computed_;
};

}  // namespace steer

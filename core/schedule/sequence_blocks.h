#pragma once

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/schedule/block_pool.h"
#include "core/schedule/scheduler_options.h"
#include "core/schedule/sequence.h"

namespace steer {

// Gives sequences their KV blocks, in each group of layers: empty ones, and those in which somebody
// has computed the same already. What no later position sees goes back as soon as that is so.
// Engine thread only.
class SequenceBlocks {
 public:
  explicit SequenceBlocks(const SchedulerOptions& options);

  const std::vector<BlockPool>& pools() const { return pools_; }

  // Empty blocks for the positions before `end`; false if they run out, and what it got it keeps.
  bool Take(Sequence& sequence, int end);
  // Takes over the blocks that follow what the sequence has, as far as the pools hold them and
  // they tell nothing that has to be computed. Answers their positions.
  int TakeOver(Sequence& sequence);
  // Adds to `missing`, by group, what `positions` of the sequence would take of the blocks that are
  // available now.
  void AddMissing(Sequence& sequence, int positions, std::vector<int>& missing) const;
  // More was computed: others may find the blocks that are full, and those that are out of every
  // window are released.
  void Computed(Sequence& sequence);
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
  // The block before which everything can be taken over; the next one to compute if nothing can.
  int ReusableBlocks(Sequence& sequence) const;
  void DropUnseen(Sequence& sequence);

  std::vector<BlockGroup> groups_;
  std::vector<BlockPool> pools_;  // by group
  int size_;                      // positions per block
  int step_tokens_;
  bool share_;  // without it every sequence computes everything itself
  absl::flat_hash_set<BlockKey> being_computed_;
};

}  // namespace steer

#pragma once

#include <cstdint>
#include <vector>

#include "core/schedule/block_group.h"

namespace steer {

// What the KV cache of a pool is for.
struct KvDemand {
  struct Group {
    int window = 0;           // of its layers; 0: all positions
    int64_t block_bytes = 0;  // of one block over all of them
  };
  std::vector<Group> groups;
  int context_limit = 0;  // positions of the longest sequence
  int max_sequences = 0;  // that run at once
  int step_tokens = 0;
  int block_size = 0;
};

// The bytes that all sequences can use at most.
int64_t MostKvBytes(const KvDemand& demand);

// How `bytes` are shared out. Each group gets what one sequence of the full context needs, or,
// where that is too much, of the longest that fits. Of the rest groups with a window get what all
// sequences can use, but no more than half while others can use it; the others get what is left.
// Empty if there is not enough for a block each.
std::vector<BlockGroup> ShareKvBytes(const KvDemand& demand, int64_t bytes);

}  // namespace steer

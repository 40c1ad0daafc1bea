#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace steer {

// Layers that see equally far back. They have a pool of blocks of their own, and of each sequence
// they keep what its next position can see.
struct BlockGroup {
  int window = 0;       // a position sees itself and window - 1 before it; 0: all before it
  int block_count = 0;  // KV blocks of the device
};

// The first block that `position` sees, and so the first that any later one sees.
int FirstBlockSeen(int window, int position, int block_size);

// The most blocks that a sequence of `positions` holds at once while steps run up to `step_tokens`
// of them: those of the step and those that its first position sees.
int MostBlocks(int window, int positions, int step_tokens, int block_size);

// The longest sequence of up to `limit` positions that has room in every group.
int PositionsThatFit(std::span<const BlockGroup> groups, int limit, int step_tokens,
                     int block_size);

// How far a sequence that has computed its blocks before `begin` can go on by what others have
// computed, up to `end`. A group needs the blocks that the next position sees: of a windowed one
// those far back may be gone. `holds(group, block)`: whether the block is at hand.
template <typename Holds>
int ReusableEnd(std::span<const BlockGroup> groups, int block_size, int begin, int end,
                Holds holds) {
  int reusable = begin;
  std::vector<int> gap(groups.size(), begin - 1);  // by group: the last block that is not at hand
  for (int next = begin + 1; next <= end; ++next) {
    bool is_usable = true;
    for (size_t group = 0; group < groups.size(); ++group) {
      const int window = groups[group].window;
      if (!holds(group, next - 1)) gap[group] = next - 1;
      const int seen = std::max(begin, FirstBlockSeen(window, next * block_size, block_size));
      if (gap[group] < seen) continue;
      if (window == 0) return reusable;  // what is missing here stays missing
      is_usable = false;
    }
    if (is_usable) reusable = next;
  }
  return reusable;
}

}  // namespace steer

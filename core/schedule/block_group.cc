#include "core/schedule/block_group.h"

#include <cstdint>

namespace steer {
namespace {

int BlocksOf(int64_t positions, int block_size) {
  return static_cast<int>((positions + block_size - 1) / block_size);
}

}  // namespace

int FirstBlockSeen(int window, int position, int block_size) {
  return window == 0 ? 0 : std::max(0, position - window + 1) / block_size;
}

int MostBlocks(int window, int positions, int step_tokens, int block_size) {
  const int all = BlocksOf(positions, block_size);
  if (window == 0) return all;
  // So many positions in a row, which may begin at the end of a block.
  const int64_t held = int64_t{window} - 1 + step_tokens;
  return std::min(all, BlocksOf(held - 1, block_size) + 1);
}

int PositionsThatFit(std::span<const BlockGroup> groups, int limit, int step_tokens,
                     int block_size) {
  for (const BlockGroup& group : groups) {
    if (MostBlocks(group.window, limit, step_tokens, block_size) <= group.block_count) continue;
    limit = static_cast<int>(std::min<int64_t>(limit, int64_t{group.block_count} * block_size));
  }
  return limit;
}

}  // namespace steer

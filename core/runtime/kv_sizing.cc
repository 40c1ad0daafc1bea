#include "core/runtime/kv_sizing.h"

#include <algorithm>

namespace steer {
namespace {

constexpr int64_t kMaxBlocks = 1 << 24;

int64_t BlocksOf(int64_t positions, int block_size) {
  return (positions + block_size - 1) / block_size;
}

// Of all sequences. With a window, each has the blocks that its next position sees, the first and
// the last of them partly, and the rows of the step are shared by all.
int64_t MostBlocksOfAll(const KvDemand& demand, int window) {
  const int size = demand.block_size;
  const int64_t all = demand.max_sequences * BlocksOf(demand.context_limit, size);
  if (window == 0) return all;
  return std::min(all, demand.max_sequences * (BlocksOf(window, size) + 2) +
                           BlocksOf(demand.step_tokens, size));
}

// What one sequence of so many blocks needs of each group.
std::vector<int64_t> BlocksOfOne(const KvDemand& demand, int64_t blocks) {
  const int positions =
      static_cast<int>(std::min<int64_t>(demand.context_limit, blocks * demand.block_size));
  std::vector<int64_t> counts;
  counts.reserve(demand.groups.size());
  for (const KvDemand::Group& group : demand.groups) {
    counts.push_back(MostBlocks(group.window, positions, demand.step_tokens, demand.block_size));
  }
  return counts;
}

int64_t Cost(const KvDemand& demand, const std::vector<int64_t>& counts) {
  int64_t bytes = 0;
  for (size_t i = 0; i < counts.size(); ++i) bytes += counts[i] * demand.groups[i].block_bytes;
  return bytes;
}

std::vector<int64_t> MostOfEach(const KvDemand& demand) {
  std::vector<int64_t> counts;
  counts.reserve(demand.groups.size());
  for (const KvDemand::Group& group : demand.groups) {
    counts.push_back(MostBlocksOfAll(demand, group.window));
  }
  return counts;
}

// The longest sequence that `bytes` are enough for, in blocks.
int64_t LongestThatFits(const KvDemand& demand, int64_t bytes) {
  int64_t fits = 0;
  int64_t too_long = BlocksOf(demand.context_limit, demand.block_size) + 1;
  while (fits + 1 < too_long) {
    const int64_t middle = (fits + too_long) / 2;
    (Cost(demand, BlocksOfOne(demand, middle)) <= bytes ? fits : too_long) = middle;
  }
  return fits;
}

// Of `rest` to the groups with a window.
void AddWindowed(const KvDemand& demand, int64_t rest, std::vector<int64_t>& counts) {
  const std::vector<int64_t> most = MostOfEach(demand);
  int64_t wanted = 0;
  int64_t others = 0;  // what groups without a window can use
  bool is_alone = true;
  for (size_t i = 0; i < counts.size(); ++i) {
    const bool windowed = demand.groups[i].window > 0;
    is_alone = is_alone && windowed;
    (windowed ? wanted : others) += (most[i] - counts[i]) * demand.groups[i].block_bytes;
  }
  const int64_t limit = is_alone ? rest : std::max(rest / 2, rest - others);
  if (wanted == 0 || limit <= 0) return;
  const double share = std::min(1.0, static_cast<double>(limit) / static_cast<double>(wanted));
  for (size_t i = 0; i < counts.size(); ++i) {
    if (demand.groups[i].window == 0) continue;
    counts[i] += static_cast<int64_t>(share * static_cast<double>(most[i] - counts[i]));
  }
}

// `rest` to those without a window; where there are none, to all.
void AddRest(const KvDemand& demand, int64_t rest, std::vector<int64_t>& counts) {
  const bool is_alone = std::all_of(demand.groups.begin(), demand.groups.end(),
                                    [](const auto& group) { return group.window > 0; });
  int64_t one_each = 0;
  for (const KvDemand::Group& group : demand.groups) {
    if (is_alone || group.window == 0) one_each += group.block_bytes;
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    if (is_alone || demand.groups[i].window == 0) counts[i] += rest / one_each;
  }
}

}  // namespace

int64_t MostKvBytes(const KvDemand& demand) { return Cost(demand, MostOfEach(demand)); }

std::vector<BlockGroup> ShareKvBytes(const KvDemand& demand, int64_t bytes) {
  const int64_t longest = LongestThatFits(demand, bytes);
  if (longest == 0) return {};
  std::vector<int64_t> counts = BlocksOfOne(demand, longest);
  AddWindowed(demand, bytes - Cost(demand, counts), counts);
  AddRest(demand, bytes - Cost(demand, counts), counts);
  std::vector<BlockGroup> groups;
  groups.reserve(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    groups.push_back({.window = demand.groups[i].window,
                      .block_count = static_cast<int>(std::min(counts[i], kMaxBlocks))});
  }
  return groups;
}

}  // namespace steer

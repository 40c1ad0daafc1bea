#include "core/tokenizer/merge_table.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace steer {
namespace {

uint64_t Pack(int32_t high, int32_t low) {
  return static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32U | static_cast<uint32_t>(low);
}

}  // namespace

absl::StatusOr<MergeTable> MergeTable::Create(
    const absl::flat_hash_map<absl::string_view, TokenId>& ids,
    const std::vector<std::string>& merges) {
  MergeTable table;
  table.rank_of_.reserve(merges.size());
  table.merges_.reserve(merges.size());
  for (const absl::string_view merge : merges) {
    const std::string field = absl::StrCat("tokenizer.ggml.merges[", table.merges_.size(), "]");
    // From the second byte on: a token may itself begin with a space.
    const size_t space = merge.find(' ', 1);
    if (space == absl::string_view::npos || space + 1 == merge.size()) {
      return InvalidField(field, absl::StrCat("'", merge, "'"), "two tokens and a space between");
    }
    const absl::string_view left = merge.substr(0, space);
    const absl::string_view right = merge.substr(space + 1);
    const auto left_id = ids.find(left);
    const auto right_id = ids.find(right);
    const auto merged_id = ids.find(absl::StrCat(left, right));
    if (left_id == ids.end() || right_id == ids.end() || merged_id == ids.end()) {
      return InvalidField(field, absl::StrCat("'", merge, "'"),
                          "parts and a whole that are tokens and not special");
    }
    // A pair that is listed twice keeps its last rank, as in the reference.
    table.rank_of_[Pack(left_id->second, right_id->second)] =
        static_cast<int32_t>(table.merges_.size());
    table.merges_.push_back({left_id->second, right_id->second, merged_id->second});
  }
  return table;
}

int32_t MergeTable::RankOf(TokenId left, TokenId right) const {
  const auto found = rank_of_.find(Pack(left, right));
  return found == rank_of_.end() ? kNone : found->second;
}

void MergeTable::Apply(std::vector<TokenId>* word, Scratch* scratch) const {
  if (word->size() < 2) return;
  std::vector<TokenId>& ids = *word;  // kNone once merged into its left neighbour
  std::vector<int32_t>& previous = scratch->previous;
  std::vector<int32_t>& next = scratch->next;
  // A heap of rank << 32U | position of the left part.
  std::vector<uint64_t>& queue = scratch->queue;
  const auto size = static_cast<int32_t>(ids.size());
  previous.resize(size);
  next.resize(size);
  queue.clear();
  for (int32_t at = 0; at < size; ++at) {
    previous[at] = at - 1;
    next[at] = at + 1 < size ? at + 1 : kNone;
  }
  for (int32_t at = 0; at + 1 < size; ++at) {
    if (const int32_t rank = RankOf(ids[at], ids[at + 1]); rank != kNone) {
      queue.push_back(Pack(rank, at));
    }
  }
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  const auto push = [&](int32_t at) {
    const int32_t rank = RankOf(ids[at], ids[next[at]]);
    if (rank == kNone) return;
    queue.push_back(Pack(rank, at));
    std::push_heap(queue.begin(), queue.end(), std::greater<>());
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    const Merge& merge = merges_[queue.back() >> 32U];
    const auto at = static_cast<int32_t>(queue.back() & 0xFFFFFFFF);
    queue.pop_back();
    // Entries stay in the heap when a merge nearby takes one of their parts away.
    const int32_t right = next[at];
    if (ids[at] != merge.left || right == kNone || ids[right] != merge.right) continue;
    ids[at] = merge.merged;
    ids[right] = kNone;
    next[at] = next[right];
    if (next[at] != kNone) {
      previous[next[at]] = at;
      push(at);
    }
    if (previous[at] != kNone) push(previous[at]);
  }
  ids.erase(std::remove(ids.begin(), ids.end(), kNone), ids.end());
}

}  // namespace steer

#include "core/tokenizer/merge_table.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"

namespace steer {
namespace {

uint64_t Pack(int32_t high, int32_t low) {
  return static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32U | static_cast<uint32_t>(low);
}

}  // namespace

MergeTable::MergeTable(const std::vector<Merge>& merges) {
  results_.reserve(merges.size());
  for (const Merge& merge : merges) {
    results_[Pack(merge.left, merge.right)] = {merge.rank, merge.merged};
  }
}

const MergeTable::Result* MergeTable::Find(TokenId left, TokenId right) const {
  const auto found = results_.find(Pack(left, right));
  return found == results_.end() ? nullptr : &found->second;
}

void MergeTable::Apply(std::vector<TokenId>* word, Scratch* scratch) const {
  if (word->size() < 2) return;
  std::vector<TokenId>& ids = *word;  // kNone once merged into its left neighbour
  std::vector<int32_t>& previous = scratch->previous;
  std::vector<int32_t>& next = scratch->next;
  // A heap of rank and position of the left part, with what they merge into.
  std::vector<Scratch::Entry>& queue = scratch->queue;
  const auto size = static_cast<int32_t>(ids.size());
  previous.resize(size);
  next.resize(size);
  queue.clear();
  for (int32_t at = 0; at < size; ++at) {
    previous[at] = at - 1;
    next[at] = at + 1 < size ? at + 1 : kNone;
  }
  const auto enter = [&](int32_t at) {
    const Result* const result = Find(ids[at], ids[next[at]]);
    if (result == nullptr) return false;
    queue.push_back({Pack(result->rank, at), ids[at], ids[next[at]], result->merged});
    return true;
  };
  for (int32_t at = 0; at + 1 < size; ++at) enter(at);
  const auto later = [](const Scratch::Entry& a, const Scratch::Entry& b) { return a.key > b.key; };
  std::make_heap(queue.begin(), queue.end(), later);
  const auto push = [&](int32_t at) {
    if (enter(at)) std::push_heap(queue.begin(), queue.end(), later);
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), later);
    const Scratch::Entry entry = queue.back();
    queue.pop_back();
    const auto at = static_cast<int32_t>(entry.key & 0xFFFFFFFF);
    // Entries stay in the heap when a merge nearby takes one of their parts away.
    const int32_t right = next[at];
    if (ids[at] != entry.left || right == kNone || ids[right] != entry.right) continue;
    ids[at] = entry.merged;
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

std::optional<MergePair> SplitMerge(absl::string_view merge) {
  // From the second byte on: the first may be a space that belongs to the token.
  const size_t space = merge.find(' ', 1);
  if (space == absl::string_view::npos || space + 1 == merge.size()) return std::nullopt;
  return MergePair(merge.substr(0, space), merge.substr(space + 1));
}

absl::StatusOr<std::vector<MergeTable::Merge>> ResolveMerges(
    const absl::flat_hash_map<absl::string_view, TokenId>& ids, const std::vector<bool>& special,
    const std::vector<MergePair>& pairs, absl::string_view field) {
  std::vector<MergeTable::Merge> merges;
  merges.reserve(pairs.size());
  for (size_t rank = 0; rank < pairs.size(); ++rank) {
    const auto& [left, right] = pairs[rank];
    const auto left_id = ids.find(left);
    const auto right_id = ids.find(right);
    const auto merged_id = ids.find(absl::StrCat(left, right));
    if (left_id == ids.end() || right_id == ids.end() || merged_id == ids.end()) {
      return InvalidField(absl::StrCat(field, "[", rank, "]"),
                          Quoted(absl::StrCat(left, " ", right)),
                          "two parts and a whole that are tokens");
    }
    const MergeTable::Merge merge = {left_id->second, right_id->second, merged_id->second,
                                     static_cast<int32_t>(rank)};
    if (special[merge.left] || special[merge.right] || special[merge.merged]) continue;
    merges.push_back(merge);
  }
  return merges;
}

std::vector<MergeTable::Merge> MergesOfScores(
    const absl::flat_hash_map<absl::string_view, TokenId>& ids, const std::vector<bool>& can_merge,
    const std::vector<float>& scores) {
  std::vector<float> levels = scores;
  std::sort(levels.begin(), levels.end(), std::greater<>());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  const auto mergeable = [&](absl::string_view part) {
    const auto found = ids.find(part);
    return found != ids.end() && can_merge[found->second] ? found->second : TokenId{-1};
  };
  std::vector<MergeTable::Merge> merges;
  for (const auto& [spelling, id] : ids) {
    if (!can_merge[id]) continue;
    const auto level = std::lower_bound(levels.begin(), levels.end(), scores[id], std::greater<>());
    const auto rank = static_cast<int32_t>(level - levels.begin());
    for (size_t cut = 1; cut < spelling.size(); ++cut) {
      if ((static_cast<uint8_t>(spelling[cut]) & 0xC0U) == 0x80) continue;  // inside a character
      const TokenId left = mergeable(spelling.substr(0, cut));
      if (left < 0) continue;
      const TokenId right = mergeable(spelling.substr(cut));
      if (right >= 0) merges.push_back({left, right, id, rank});
    }
  }
  return merges;
}

}  // namespace steer

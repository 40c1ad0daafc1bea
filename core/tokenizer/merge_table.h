#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/types.h"

namespace steer {

// The learnt merges of a BPE. Immutable and thread-safe.
class MergeTable {
 public:
  // Working memory for Apply, to be kept from piece to piece by one thread.
  struct Scratch {
    struct Entry {
      uint64_t key;  // rank << 32 | position
      TokenId left;
      TokenId right;
      TokenId merged;
    };
    std::vector<int32_t> previous;
    std::vector<int32_t> next;
    std::vector<Entry> queue;
  };

  struct Merge {
    TokenId left;
    TokenId right;
    TokenId merged;
    int32_t rank;  // >= 0; the lowest is merged first
  };

  // Of merges of the same pair, the last counts, as in the reference.
  explicit MergeTable(const std::vector<Merge>& merges);

  // Merges neighbours in `word`, the lowest rank first and of equal ranks the leftmost, until none
  // can be merged. O(n log n).
  void Apply(std::vector<TokenId>* word, Scratch* scratch) const;

 private:
  static constexpr int32_t kNone = -1;

  struct Result {
    int32_t rank;
    TokenId merged;
  };

  const Result* Find(TokenId left, TokenId right) const;  // nullptr: they do not merge

  absl::flat_hash_map<uint64_t, Result> results_;  // left << 32 | right
};

// One row of a file's table of merges.
using MergePair = std::pair<std::string, std::string>;

// "left right" in two; a token may itself begin with a space, and nothing else may hold one.
// nullopt if there are not two parts.
std::optional<MergePair> SplitMerge(absl::string_view merge);

// `pairs` in order of rank, by the ids of their parts and of the whole. INVALID_ARGUMENT, with the
// field "<field>[i]", if one of the three is no token. Left out are those with a part or whole in
// `special`, so that no text can merge into a special token.
absl::StatusOr<std::vector<MergeTable::Merge>> ResolveMerges(
    const absl::flat_hash_map<absl::string_view, TokenId>& ids, const std::vector<bool>& special,
    const std::vector<MergePair>& pairs, absl::string_view field);

// The merges that a SentencePiece model implies by its scores: any two tokens whose spellings
// together are a token that `can_merge`, the highest score first, all of one score being of one
// rank.
std::vector<MergeTable::Merge> MergesOfScores(
    const absl::flat_hash_map<absl::string_view, TokenId>& ids, const std::vector<bool>& can_merge,
    const std::vector<float>& scores);

}  // namespace steer

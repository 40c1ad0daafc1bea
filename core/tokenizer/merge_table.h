#pragma once

#include <cstdint>
#include <string>
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
    std::vector<int32_t> previous;
    std::vector<int32_t> next;
    std::vector<uint64_t> queue;
  };

  // `merges` are "left right" in order of rank, of tokens in `ids`. INVALID_ARGUMENT (field
  // "tokenizer.ggml.merges[i]") for one without two parts, or whose parts or result are no token.
  static absl::StatusOr<MergeTable> Create(
      const absl::flat_hash_map<absl::string_view, TokenId>& ids,
      const std::vector<std::string>& merges);

  // Merges neighbours in `word`, the lowest rank first and of equal ranks the leftmost, until none
  // can be merged. O(n log n).
  void Apply(std::vector<TokenId>* word, Scratch* scratch) const;

 private:
  static constexpr int32_t kNone = -1;

  struct Merge {
    TokenId left;
    TokenId right;
    TokenId merged;
  };

  MergeTable() = default;
  int32_t RankOf(TokenId left, TokenId right) const;  // kNone: they do not merge

  absl::flat_hash_map<uint64_t, int32_t> rank_of_;  // left << 32 | right -> rank
  std::vector<Merge> merges_;                       // by rank
};

}  // namespace steer

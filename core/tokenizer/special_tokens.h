#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/base/types.h"

namespace steer {

// Bytes [begin, end) of a text.
struct ByteSpan {
  size_t begin = 0;
  size_t end = 0;
};

// Finds spellings of special tokens in text; where several start at one place, the longest wins.
// Immutable and thread-safe.
class SpecialTokens {
 public:
  struct Match {
    size_t begin;
    size_t length;
    TokenId token;
  };

  SpecialTokens();
  // `spelling` must not be empty; only while building.
  void Add(absl::string_view spelling, TokenId token);

  // The first one at or after `from` of which no byte lies in `foreign` (in order and apart).
  std::optional<Match> Find(absl::string_view text, size_t from,
                            const std::vector<ByteSpan>& foreign) const;

 private:
  static constexpr TokenId kNone = -1;

  // A tree of bytes: node 0 is the root.
  absl::flat_hash_map<uint64_t, uint32_t> children_;  // node << 8 | byte -> node
  std::vector<TokenId> token_at_;                     // by node; kNone inside a spelling
  std::bitset<256> first_bytes_;
};

}  // namespace steer

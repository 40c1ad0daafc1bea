#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/base/types.h"
#include "core/tokenizer/byte_span.h"
#include "core/tokenizer/regex.h"

namespace steer {

// A token that text is searched for before it is cut and merged.
struct AddedToken {
  std::string spelling;
  TokenId token = 0;
  // Part of the language, as a run of spaces: may be found in what users wrote. All others are the
  // template's own.
  bool is_text = false;
  bool single_word = false;  // not beside a letter, digit or underscore
  bool strips_left = false;  // takes the white space before it along
  bool strips_right = false;
  bool normalized = false;  // looked for in the normalized text
};

// Finds spellings of added tokens in text; where several start at one place, the longest wins.
// Immutable and thread-safe.
class SpecialTokens {
 public:
  struct Match {
    ByteSpan taken;  // with the white space that the token takes along
    size_t resume;   // where to look for the next one: behind the spelling
    TokenId token;
  };

  SpecialTokens();
  // The spelling must not be empty; only while building.
  void Add(const AddedToken& token);

  // The first one that starts at or after `from`. Of those that are no text, no byte may lie in
  // `foreign` (in order and apart).
  std::optional<Match> Find(absl::string_view text, size_t from,
                            const std::vector<ByteSpan>& foreign) const;
  bool empty() const { return tokens_.empty(); }

 private:
  static constexpr int32_t kNone = -1;

  // The longest one that starts at `begin`; those that are no text must end by `limit`.
  std::optional<Match> At(absl::string_view text, size_t begin, size_t limit) const;
  bool StandsAlone(absl::string_view text, ByteSpan span) const;

  // A tree of bytes: node 0 is the root.
  absl::flat_hash_map<uint64_t, uint32_t> children_;  // node << 8 | byte -> node
  std::vector<int32_t> token_at_;                     // by node; kNone inside a spelling
  std::vector<AddedToken> tokens_;
  std::bitset<256> first_bytes_;
  std::optional<Regex> word_;  // there if a token wants to stand alone
};

}  // namespace steer

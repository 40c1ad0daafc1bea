#pragma once

#include <array>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/base/types.h"
#include "core/tokenizer/vocabulary.h"

namespace steer {

// The tokens that the merging of a piece begins with: its bytes or its characters. Immutable and
// thread-safe.
class Symbols {
 public:
  // `ordinary`: by id, whether text may become that token.
  Symbols(const Vocabulary& vocabulary, const std::vector<bool>& ordinary);

  // Appends those of `piece`, which must be valid UTF-8 unless the vocabulary is byte-level. What
  // has no token becomes the unknown one, or is dropped: its neighbours may then merge.
  void Append(absl::string_view piece, std::vector<TokenId>* tokens) const;

  // Whether the character is a token by itself; not for byte-level vocabularies.
  bool Contains(char32_t character) const { return characters_.contains(character); }

 private:
  static constexpr TokenId kNone = -1;

  bool AppendBytes(absl::string_view character, std::vector<TokenId>* tokens) const;

  SymbolRules rules_;
  // By byte: in a byte-level vocabulary the byte itself, else "<0xXX>"; kNone where there is none.
  std::array<TokenId, 256> bytes_;
  absl::flat_hash_map<char32_t, TokenId> characters_;
};

// The byte that a token of the spelling "<0xXX>" stands for; nullopt for other spellings.
std::optional<uint8_t> ByteOfSpelling(absl::string_view spelling);

}  // namespace steer

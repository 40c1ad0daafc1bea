#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/merge_table.h"
#include "core/tokenizer/pre_tokenizer.h"
#include "core/tokenizer/special_tokens.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/vocabulary.h"

namespace steer {

// Byte-level byte-pair encoding, as GPT-2 introduced it: every token is a string of bytes, so any
// text can be written. Immutable and thread-safe.
class BpeTokenizer final : public Tokenizer {
 public:
  // UNIMPLEMENTED for a pre-tokenizer that is not known, INVALID_ARGUMENT for broken merges or a
  // BOS that is to be added but missing.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Create(const Vocabulary& vocabulary);

  std::vector<TokenId> Encode(absl::string_view text, bool parse_special) const override;
  std::vector<TokenId> EncodeRendered(absl::string_view text,
                                      const std::vector<ByteSpan>& foreign) const override;
  std::string Bytes(TokenId token, bool with_special) const override;
  int vocabulary_size() const override { return static_cast<int>(bytes_.size()); }
  bool IsSpecial(TokenId token) const override;
  std::optional<TokenId> bos() const override { return bos_; }
  std::vector<TokenId> end_tokens() const override { return end_tokens_; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  struct Scratch {
    MergeTable::Scratch merging;
    std::vector<TokenId> word;
  };

  BpeTokenizer(PreTokenizer pre_tokenizer, MergeTable merges);
  void AddToken(TokenId token, const std::string& spelling, TokenKind kind);
  void FindWholePieces();
  void EncodeText(absl::string_view text, Scratch* scratch, std::vector<TokenId>* tokens) const;
  void EncodePiece(absl::string_view piece, Scratch* scratch, std::vector<TokenId>* tokens) const;
  void Merge(absl::string_view piece, Scratch* scratch) const;  // into scratch->word

  PreTokenizer pre_tokenizer_;
  MergeTable merges_;
  SpecialTokens special_tokens_;
  std::vector<std::string> bytes_;        // by id
  std::vector<bool> is_special_;          // by id
  std::array<TokenId, 256> byte_tokens_;  // by byte; -1 where the vocabulary has none
  // Pieces that are known to become one token, by their bytes (which bytes_ owns).
  absl::flat_hash_map<absl::string_view, TokenId> whole_pieces_;
  std::optional<TokenId> bos_;
  std::vector<TokenId> end_tokens_;
  std::string fingerprint_;
};

}  // namespace steer

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/merge_table.h"
#include "core/tokenizer/special_tokens.h"
#include "core/tokenizer/symbols.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/vocabulary.h"

namespace steer {

// Byte-pair encoding: of bytes, as GPT-2 introduced it, or of characters with bytes for those that
// the vocabulary lacks, as SentencePiece writes it. Immutable and thread-safe.
class BpeTokenizer final : public Tokenizer {
 public:
  // INVALID_ARGUMENT for merges of what is no token.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Create(Vocabulary vocabulary);

  std::vector<TokenId> Encode(absl::string_view text, bool parse_special) const override;
  std::vector<TokenId> EncodeRendered(absl::string_view text,
                                      const std::vector<ByteSpan>& foreign) const override;
  std::string Bytes(TokenId token, bool with_special) const override;
  std::string OpeningBytes(TokenId token, bool with_special) const override;
  int vocabulary_size() const override { return static_cast<int>(bytes_.size()); }
  bool IsSpecial(TokenId token) const override;
  std::optional<TokenId> bos() const override { return bos_; }
  std::vector<TokenId> end_tokens() const override { return end_tokens_; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  // What Encode carries from piece to piece.
  struct Work {
    MergeTable::Scratch merging;
    std::vector<TokenId> word;
    std::vector<TokenId> tokens;  // the result
  };
  using Rest = absl::FunctionRef<void(ByteSpan)>;

  BpeTokenizer(Vocabulary vocabulary, const std::vector<bool>& ordinary,
               const std::vector<MergeTable::Merge>& merges);
  void AddSpecialTokens();
  void FindWholePieces(const std::vector<bool>& ordinary);

  // Appends the added tokens of `text`; `rest` takes what lies before, between and behind them.
  static void TakeAdded(const SpecialTokens& added, absl::string_view text,
                        const std::vector<ByteSpan>& foreign, Rest rest, Work* work);
  void EncodeSegment(MarkedText segment, bool at_start, Work* work) const;
  void EncodeNormalized(absl::string_view text, bool at_start, Work* work) const;
  void EncodePiece(absl::string_view piece, Work* work) const;
  void Merge(absl::string_view piece, Work* work) const;  // into work->word

  Vocabulary vocabulary_;  // but for its merges, scores and, if byte-level, spellings
  Symbols symbols_;
  MergeTable merges_;
  SpecialTokens raw_tokens_;
  SpecialTokens normalized_tokens_;
  std::vector<std::string> bytes_;  // by id
  std::vector<bool> is_special_;    // by id
  // No token holds a visible space behind anything else, so that text may be cut before it.
  bool cuts_before_spaces_ = false;
  // Pieces that are known to become one token, as they come from the pre-tokenizer.
  absl::flat_hash_map<absl::string_view, TokenId> whole_pieces_;
  std::optional<TokenId> bos_;
  std::vector<TokenId> end_tokens_;
  std::string fingerprint_;
};

}  // namespace steer

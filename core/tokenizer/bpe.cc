#include "core/tokenizer/bpe.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/base/sha256.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/byte_level.h"
#include "core/tokenizer/utf8.h"

namespace steer {
namespace {

// Ends of text and turn by the names that model families give them, for files that name only one.
constexpr absl::string_view kEndSpellings[] = {"<|endoftext|>", "<|end_of_text|>", "<|im_end|>",
                                               "<|eot_id|>"};

// Each string goes in with its length before it, so that no two vocabularies look the same.
void HashString(absl::string_view text, Sha256* hash) {
  std::string length;
  for (size_t rest = text.size(), i = 0; i < sizeof(uint64_t); ++i, rest >>= 8U) {
    length.push_back(static_cast<char>(rest & 0xFFU));
  }
  hash->Update(length);
  hash->Update(text);
}

std::string FingerprintOf(const Vocabulary& vocabulary) {
  Sha256 hash;
  HashString("byte-level bpe", &hash);
  HashString(vocabulary.pre_tokenizer, &hash);
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    HashString(vocabulary.tokens[id], &hash);
    HashString(std::string(1, static_cast<char>(vocabulary.kinds[id])), &hash);
  }
  HashString("merges", &hash);
  for (const std::string& merge : vocabulary.merges) HashString(merge, &hash);
  return hash.HexDigest();
}

bool IsSpecialKind(TokenKind kind) {
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

// What merges may consist of: without special tokens, so that no text can merge into one.
absl::flat_hash_map<absl::string_view, TokenId> OrdinaryIds(const Vocabulary& vocabulary) {
  absl::flat_hash_map<absl::string_view, TokenId> ids;
  ids.reserve(vocabulary.tokens.size());
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (IsSpecialKind(vocabulary.kinds[id])) continue;
    ids.emplace(vocabulary.tokens[id], static_cast<TokenId>(id));
  }
  return ids;
}

std::vector<TokenId> EndTokensOf(const Vocabulary& vocabulary) {
  std::vector<TokenId> ends = vocabulary.end_of_output;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.kinds[id] != TokenKind::kControl) continue;
    const auto* const known =
        std::find(std::begin(kEndSpellings), std::end(kEndSpellings), vocabulary.tokens[id]);
    if (known != std::end(kEndSpellings)) ends.push_back(static_cast<TokenId>(id));
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

}  // namespace

BpeTokenizer::BpeTokenizer(PreTokenizer pre_tokenizer, MergeTable merges)
    : pre_tokenizer_(std::move(pre_tokenizer)), merges_(std::move(merges)) {
  byte_tokens_.fill(-1);
}

absl::StatusOr<std::unique_ptr<const Tokenizer>> BpeTokenizer::Create(
    const Vocabulary& vocabulary) {
  STEER_ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer,
                         PreTokenizer::Create(vocabulary.pre_tokenizer));
  STEER_ASSIGN_OR_RETURN(MergeTable merges,
                         MergeTable::Create(OrdinaryIds(vocabulary), vocabulary.merges));
  const bool adds_bos = vocabulary.adds_bos.value_or(pre_tokenizer.adds_bos_by_default());
  if (adds_bos && !vocabulary.bos) {
    return InvalidField("tokenizer.ggml.bos_token_id", "none",
                        "an id, since the tokenizer adds one at the start");
  }

  auto tokenizer =
      std::unique_ptr<BpeTokenizer>(new BpeTokenizer(std::move(pre_tokenizer), std::move(merges)));
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    tokenizer->AddToken(static_cast<TokenId>(id), vocabulary.tokens[id], vocabulary.kinds[id]);
  }
  tokenizer->FindWholePieces();
  if (adds_bos) tokenizer->bos_ = vocabulary.bos;
  tokenizer->end_tokens_ = EndTokensOf(vocabulary);
  tokenizer->fingerprint_ = FingerprintOf(vocabulary);
  return std::unique_ptr<const Tokenizer>(std::move(tokenizer));
}

void BpeTokenizer::AddToken(TokenId token, const std::string& spelling, TokenKind kind) {
  const bool is_special = IsSpecialKind(kind);
  const bool is_whole = is_special || kind == TokenKind::kUserDefined;
  is_special_.push_back(is_special);
  bytes_.push_back(is_whole ? spelling : BytesOfSpelling(spelling));
  if (is_whole) {
    if (kind != TokenKind::kUnknown && !spelling.empty()) special_tokens_.Add(spelling, token);
    return;
  }
  const std::string& bytes = bytes_.back();
  if (bytes.size() == 1 && spelling == ByteLevelSpelling(static_cast<uint8_t>(bytes[0]))) {
    byte_tokens_[static_cast<uint8_t>(bytes[0])] = token;
  }
}

void BpeTokenizer::FindWholePieces() {
  // Most pieces of real text are one token: merging each token once here saves merging it at every
  // occurrence. Some pre-tokenizers take all tokens so, whether or not merges lead to them.
  Scratch scratch;
  for (TokenId token = 0; token < vocabulary_size(); ++token) {
    const std::string& bytes = bytes_[token];
    Merge(bytes, &scratch);
    const bool is_merged = scratch.word.size() == 1 && scratch.word[0] == token;
    const bool is_whole = pre_tokenizer_.whole_pieces_first() && !is_special_[token];
    if (is_merged || is_whole) whole_pieces_.emplace(bytes, token);
  }
}

std::vector<TokenId> BpeTokenizer::Encode(absl::string_view text, bool parse_special) const {
  std::string replaced;
  if (FirstInvalidUtf8(text)) {
    AppendValidUtf8(text, &replaced);
    text = replaced;
  }
  if (parse_special) return EncodeRendered(text, {});
  return EncodeRendered(text, {{0, text.size()}});
}

std::vector<TokenId> BpeTokenizer::EncodeRendered(absl::string_view text,
                                                  const std::vector<ByteSpan>& foreign) const {
  std::vector<TokenId> tokens;
  Scratch scratch;
  size_t at = 0;
  while (const auto match = special_tokens_.Find(text, at, foreign)) {
    EncodeText(text.substr(at, match->begin - at), &scratch, &tokens);
    tokens.push_back(match->token);
    at = match->begin + match->length;
  }
  EncodeText(text.substr(at), &scratch, &tokens);
  return tokens;
}

void BpeTokenizer::EncodeText(absl::string_view text, Scratch* scratch,
                              std::vector<TokenId>* tokens) const {
  pre_tokenizer_.Split(text, [&](absl::string_view piece) { EncodePiece(piece, scratch, tokens); });
}

void BpeTokenizer::EncodePiece(absl::string_view piece, Scratch* scratch,
                               std::vector<TokenId>* tokens) const {
  if (const auto whole = whole_pieces_.find(piece); whole != whole_pieces_.end()) {
    tokens->push_back(whole->second);
    return;
  }
  Merge(piece, scratch);
  tokens->insert(tokens->end(), scratch->word.begin(), scratch->word.end());
}

void BpeTokenizer::Merge(absl::string_view piece, Scratch* scratch) const {
  scratch->word.clear();
  for (const char byte : piece) {
    // Bytes without a token are dropped before merging: their neighbours may then merge.
    const TokenId token = byte_tokens_[static_cast<uint8_t>(byte)];
    if (token >= 0) scratch->word.push_back(token);
  }
  merges_.Apply(&scratch->word, &scratch->merging);
}

std::string BpeTokenizer::Bytes(TokenId token, bool with_special) const {
  if (token < 0 || token >= vocabulary_size()) return {};
  return is_special_[token] && !with_special ? std::string() : bytes_[token];
}

bool BpeTokenizer::IsSpecial(TokenId token) const {
  return token >= 0 && token < vocabulary_size() && is_special_[token];
}

}  // namespace steer

#include "core/tokenizer/vocabulary.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/sha256.h"
#include "core/tokenizer/byte_level.h"
#include "core/tokenizer/symbols.h"

namespace steer {
namespace {

// Ends of text and turn by the names that model families give them, for files that name only one.
constexpr absl::string_view kEndSpellings[] = {"<|endoftext|>", "<|end_of_text|>", "<|im_end|>",
                                               "<|eot_id|>",    "<|end|>",         "<end_of_turn>"};

// Each string goes in with its length before it, so that no two vocabularies look the same.
void HashString(absl::string_view text, Sha256* hash) {
  std::string length;
  for (size_t rest = text.size(), i = 0; i < sizeof(uint64_t); ++i, rest >>= 8U) {
    length.push_back(static_cast<char>(rest & 0xFFU));
  }
  hash->Update(length);
  hash->Update(text);
}

}  // namespace

bool IsSpecialKind(TokenKind kind) {
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

bool IsTurnMarkup(absl::string_view spelling) {
  constexpr absl::string_view kNames[] = {
      "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<s>", "</s>", "<bos>", "<eos>"};
  return (absl::StartsWith(spelling, "<|") && absl::EndsWith(spelling, "|>")) ||
         std::find(std::begin(kNames), std::end(kNames), spelling) != std::end(kNames);
}

std::string FingerprintOf(const Vocabulary& vocabulary) {
  Sha256 hash;
  HashString(vocabulary.symbols.byte_level ? "byte-level bpe" : "character bpe", &hash);
  HashString(vocabulary.pipeline, &hash);
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    HashString(vocabulary.tokens[id], &hash);
    HashString(std::string(1, static_cast<char>(vocabulary.kinds[id])), &hash);
  }
  HashString("merges", &hash);
  for (const auto& [left, right] : vocabulary.merges) {
    HashString(absl::StrCat(left, " ", right), &hash);
  }
  for (const float score : vocabulary.scores) HashString(absl::StrCat(score), &hash);
  return hash.HexDigest();
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

std::string DecodedBytes(const Vocabulary& vocabulary, size_t id) {
  const std::string& spelling = vocabulary.tokens[id];
  const TokenKind kind = vocabulary.kinds[id];
  if (vocabulary.symbols.byte_level) {
    const bool is_whole = IsSpecialKind(kind) || kind == TokenKind::kUserDefined;
    return is_whole ? spelling : BytesOfSpelling(spelling);
  }
  if (vocabulary.decoding.byte_tokens) {
    if (const auto byte = ByteOfSpelling(spelling)) return std::string(1, static_cast<char>(*byte));
  }
  if (!vocabulary.decoding.visible_spaces) return spelling;
  return absl::StrReplaceAll(spelling, {{kVisibleSpace, " "}});
}

}  // namespace steer

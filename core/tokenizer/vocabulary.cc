#include "core/tokenizer/vocabulary.h"

#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr char kTokens[] = "tokenizer.ggml.tokens";
constexpr char kKinds[] = "tokenizer.ggml.token_type";

// A file without its tables is broken, whatever the reader calls it.
absl::Status AsInvalid(const absl::Status& status) {
  return absl::InvalidArgumentError(status.message());
}

absl::StatusOr<std::vector<std::string>> ReadTokens(const GgufFile& file) {
  absl::StatusOr<std::vector<std::string>> tokens = file.Strings(kTokens);
  if (!tokens.ok()) return AsInvalid(tokens.status());
  if (tokens->empty() || tokens->size() > std::numeric_limits<TokenId>::max()) {
    return InvalidField(kTokens, absl::StrCat(tokens->size(), " tokens"), "1 to 2^31 - 1 tokens");
  }
  absl::flat_hash_set<absl::string_view> seen;
  for (size_t id = 0; id < tokens->size(); ++id) {
    if (seen.insert((*tokens)[id]).second) continue;
    return InvalidField(absl::StrCat(kTokens, "[", id, "]"),
                        absl::StrCat("'", (*tokens)[id], "' again"), "spellings that differ");
  }
  return tokens;
}

absl::StatusOr<std::vector<TokenKind>> ReadKinds(const GgufFile& file, size_t size) {
  if (file.Find(kKinds) == nullptr) return std::vector<TokenKind>(size, TokenKind::kNormal);
  STEER_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, file.Ints(kKinds));
  if (numbers.size() != size) {
    return InvalidField(kKinds, absl::StrCat(numbers.size(), " entries"),
                        absl::StrCat(size, ", one per token"));
  }
  std::vector<TokenKind> kinds;
  kinds.reserve(size);
  for (const int64_t number : numbers) {
    if (number < 0 || number > static_cast<int64_t>(TokenKind::kByte)) {
      return InvalidField(absl::StrCat(kKinds, "[", kinds.size(), "]"), absl::StrCat(number),
                          "0 to 6");
    }
    kinds.push_back(static_cast<TokenKind>(number));
  }
  return kinds;
}

absl::StatusOr<std::optional<TokenId>> ReadId(const GgufFile& file, absl::string_view key,
                                              size_t size) {
  if (file.Find(key) == nullptr) return std::optional<TokenId>();
  STEER_ASSIGN_OR_RETURN(const int64_t id, file.Int(key));
  if (id < 0 || static_cast<size_t>(id) >= size) {
    return InvalidField(key, absl::StrCat(id), absl::StrCat("0 to ", size - 1));
  }
  return std::optional<TokenId>(static_cast<TokenId>(id));
}

}  // namespace

absl::StatusOr<Vocabulary> ReadVocabulary(const GgufFile& file) {
  Vocabulary vocabulary;
  STEER_ASSIGN_OR_RETURN(vocabulary.tokens, ReadTokens(file));
  const size_t size = vocabulary.tokens.size();
  STEER_ASSIGN_OR_RETURN(vocabulary.kinds, ReadKinds(file, size));
  absl::StatusOr<std::vector<std::string>> merges = file.Strings("tokenizer.ggml.merges");
  if (!merges.ok()) return AsInvalid(merges.status());
  vocabulary.merges = *std::move(merges);
  STEER_ASSIGN_OR_RETURN(vocabulary.pre_tokenizer, file.StringOr("tokenizer.ggml.pre", ""));
  STEER_ASSIGN_OR_RETURN(vocabulary.bos, ReadId(file, "tokenizer.ggml.bos_token_id", size));
  if (file.Find("tokenizer.ggml.add_bos_token") != nullptr) {
    STEER_ASSIGN_OR_RETURN(vocabulary.adds_bos, file.BoolOr("tokenizer.ggml.add_bos_token", false));
  }
  for (const absl::string_view key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    STEER_ASSIGN_OR_RETURN(const std::optional<TokenId> id, ReadId(file, key, size));
    if (id) vocabulary.end_of_output.push_back(*id);
  }
  return vocabulary;
}

}  // namespace steer

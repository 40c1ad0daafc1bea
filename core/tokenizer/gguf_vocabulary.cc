#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/known_pre_tokenizers.h"
#include "core/tokenizer/vocabulary.h"

namespace steer {
namespace {

constexpr char kTokens[] = "tokenizer.ggml.tokens";
constexpr char kKinds[] = "tokenizer.ggml.token_type";
constexpr char kMerges[] = "tokenizer.ggml.merges";
constexpr char kScores[] = "tokenizer.ggml.scores";
constexpr char kBos[] = "tokenizer.ggml.bos_token_id";

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
                        absl::StrCat(Quoted((*tokens)[id]), " again"), "spellings that differ");
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

absl::StatusOr<std::vector<MergePair>> ReadMerges(const GgufFile& file) {
  const absl::StatusOr<std::vector<std::string>> merges = file.Strings(kMerges);
  if (!merges.ok()) return AsInvalid(merges.status());
  std::vector<MergePair> pairs;
  pairs.reserve(merges->size());
  for (const std::string& merge : *merges) {
    std::optional<MergePair> pair = SplitMerge(merge);
    if (!pair) {
      return InvalidField(absl::StrCat(kMerges, "[", pairs.size(), "]"), Quoted(merge),
                          "two tokens and a space between");
    }
    pairs.push_back(*std::move(pair));
  }
  return pairs;
}

absl::StatusOr<std::vector<float>> ReadScores(const GgufFile& file, size_t size) {
  const GgufFile::Value* const value = file.Find(kScores);
  const auto* const numbers = value == nullptr ? nullptr : std::get_if<std::vector<double>>(value);
  if (numbers == nullptr || numbers->size() != size) {
    return InvalidField(kScores, "no such list of numbers", absl::StrCat(size, ", one per token"));
  }
  std::vector<float> scores(numbers->begin(), numbers->end());
  for (size_t id = 0; id < size; ++id) {
    if (scores[id] == scores[id]) continue;
    return InvalidField(absl::StrCat(kScores, "[", id, "]"), "NaN", "a number");
  }
  return scores;
}

// GGUF files do not hold how tokens treat the white space around them. Those of Phi-3's special
// tokens take along what follows, except these three.
bool StripsRight(const std::string& architecture, const AddedToken& token) {
  return architecture == "phi3" && token.spelling != "<unk>" && token.spelling != "<s>" &&
         token.spelling != "<|endoftext|>";
}

void AddAddedTokens(const std::string& architecture, Vocabulary* vocabulary) {
  for (size_t id = 0; id < vocabulary->tokens.size(); ++id) {
    const TokenKind kind = vocabulary->kinds[id];
    const bool is_special = kind == TokenKind::kControl || kind == TokenKind::kUnknown;
    if ((!is_special && kind != TokenKind::kUserDefined) || vocabulary->tokens[id].empty()) {
      continue;
    }
    AddedToken token{vocabulary->tokens[id], static_cast<TokenId>(id)};
    token.is_text = !is_special && !IsTurnMarkup(token.spelling);
    token.strips_right =
        !vocabulary->symbols.byte_level && !token.is_text && StripsRight(architecture, token);
    vocabulary->added.push_back(std::move(token));
  }
}

// Whether texts begin with BOS when the file does not say.
absl::StatusOr<bool> ReadByteLevel(const GgufFile& file, Vocabulary* vocabulary) {
  STEER_ASSIGN_OR_RETURN(vocabulary->merges, ReadMerges(file));
  STEER_ASSIGN_OR_RETURN(const std::string name, file.StringOr("tokenizer.ggml.pre", ""));
  STEER_ASSIGN_OR_RETURN(const KnownPreTokenizer known, FindPreTokenizer(name));
  vocabulary->pre_tokenizer = StagesOf(known);
  vocabulary->pipeline = std::string(known.name);
  if (known.composes) {
    std::vector<Normalizer::Step> steps;
    steps.emplace_back(Normalizer::Form::kNfc);
    vocabulary->normalizer = Normalizer(std::move(steps));
  }
  vocabulary->symbols.byte_level = true;
  vocabulary->symbols.whole_pieces_first = known.whole_pieces_first;
  return known.adds_bos;
}

absl::StatusOr<bool> ReadSentencePiece(const GgufFile& file, Vocabulary* vocabulary) {
  const size_t size = vocabulary->tokens.size();
  STEER_ASSIGN_OR_RETURN(vocabulary->scores, ReadScores(file, size));
  STEER_ASSIGN_OR_RETURN(const bool prefix, file.BoolOr("tokenizer.ggml.add_space_prefix", true));
  const std::string space(kVisibleSpace);
  std::vector<Normalizer::Step> steps;
  if (prefix) steps.emplace_back(Normalizer::Prepend{space});
  steps.emplace_back(Normalizer::Replace{" ", space});
  vocabulary->normalizer = Normalizer(std::move(steps));
  vocabulary->pipeline = prefix ? "spm with prefix" : "spm";
  vocabulary->symbols.byte_fallback = true;
  vocabulary->symbols.fuses_unknown = true;
  STEER_ASSIGN_OR_RETURN(vocabulary->symbols.unknown,
                         ReadId(file, "tokenizer.ggml.unknown_token_id", size));
  for (size_t id = 0; id < size && !vocabulary->symbols.unknown; ++id) {
    if (vocabulary->kinds[id] != TokenKind::kUnknown) continue;
    vocabulary->symbols.unknown = static_cast<TokenId>(id);
  }
  vocabulary->decoding = {.visible_spaces = true, .byte_tokens = true};
  if (prefix) vocabulary->decoding.opening = DecodeRules::Opening::kOneSpace;
  return true;
}

}  // namespace

absl::StatusOr<Vocabulary> ReadVocabulary(const GgufFile& file) {
  constexpr char kModel[] = "tokenizer.ggml.model";
  const absl::StatusOr<std::string> model = file.String(kModel);
  if (!model.ok()) return AsInvalid(model.status());
  if (*model != "gpt2" && *model != "llama") {
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNKNOWN_TOKENIZER", kModel, Quoted(*model), "gpt2, llama"});
  }
  Vocabulary vocabulary;
  vocabulary.origin = "tokenizer.ggml";
  STEER_ASSIGN_OR_RETURN(vocabulary.tokens, ReadTokens(file));
  const size_t size = vocabulary.tokens.size();
  STEER_ASSIGN_OR_RETURN(vocabulary.kinds, ReadKinds(file, size));
  STEER_ASSIGN_OR_RETURN(const bool default_bos, *model == "gpt2"
                                                     ? ReadByteLevel(file, &vocabulary)
                                                     : ReadSentencePiece(file, &vocabulary));
  STEER_ASSIGN_OR_RETURN(const std::string architecture, file.StringOr("general.architecture", ""));
  AddAddedTokens(architecture, &vocabulary);
  STEER_ASSIGN_OR_RETURN(const std::optional<TokenId> bos, ReadId(file, kBos, size));
  STEER_ASSIGN_OR_RETURN(const bool adds_bos,
                         file.BoolOr("tokenizer.ggml.add_bos_token", default_bos));
  if (adds_bos && !bos) {
    return InvalidField(kBos, "none", "an id, since the tokenizer adds one at the start");
  }
  if (adds_bos) vocabulary.bos = bos;
  for (const absl::string_view key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    STEER_ASSIGN_OR_RETURN(const std::optional<TokenId> id, ReadId(file, key, size));
    if (id) vocabulary.end_of_output.push_back(*id);
  }
  return vocabulary;
}

}  // namespace steer

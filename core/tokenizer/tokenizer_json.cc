// Vocabulary, merges and added tokens of a tokenizer.json.

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/json_object.h"
#include "core/tokenizer/symbols.h"
#include "core/tokenizer/tokenizer_json_parts.h"
#include "core/tokenizer/vocabulary.h"

namespace steer {
namespace {

using Json = nlohmann::json;

// Room for `id`, whose spelling is `token`. Ids may leave gaps, but not so many that a small file
// becomes a large table.
absl::Status SetToken(const std::string& token, const Json& id, size_t entries, TokenKind kind,
                      Vocabulary* vocabulary) {
  const size_t limit = 4 * entries + 4096;
  if (!id.is_number_integer() || id.get<int64_t>() < 0 ||
      static_cast<uint64_t>(id.get<int64_t>()) >= limit) {
    return InvalidField(absl::StrCat("id of ", Quoted(token)), id.dump(),
                        absl::StrCat("0 to ", limit - 1));
  }
  const auto at = id.get<size_t>();
  if (at >= vocabulary->tokens.size()) {
    vocabulary->tokens.resize(at + 1);
    vocabulary->kinds.resize(at + 1, TokenKind::kUnused);
  }
  if (token.empty() || (!vocabulary->tokens[at].empty() && vocabulary->tokens[at] != token)) {
    return InvalidField(absl::StrCat("id ", at), Quoted(token), "one spelling that is not empty");
  }
  vocabulary->tokens[at] = token;
  vocabulary->kinds[at] = kind;
  return absl::OkStatus();
}

absl::Status ReadTokens(JsonObject* model, size_t added, Vocabulary* vocabulary) {
  const Json* const tokens = model->Find("vocab");
  if (tokens == nullptr || !tokens->is_object() || tokens->empty()) {
    return InvalidField(model->PathOf("vocab"), "no such object", "ids by spelling");
  }
  const size_t entries = tokens->size() + added;
  vocabulary->tokens.reserve(entries);
  for (const auto& [token, id] : tokens->items()) {
    const TokenKind kind = vocabulary->symbols.byte_fallback && ByteOfSpelling(token)
                               ? TokenKind::kByte
                               : TokenKind::kNormal;
    STEER_RETURN_IF_ERROR(SetToken(token, id, entries, kind, vocabulary));
  }
  const auto named = std::count_if(vocabulary->tokens.begin(), vocabulary->tokens.end(),
                                   [](const std::string& token) { return !token.empty(); });
  if (static_cast<size_t>(named) != tokens->size()) {
    return InvalidField(model->PathOf("vocab"), "one id for two spellings", "an id of its own");
  }
  return absl::OkStatus();
}

absl::Status ReadMerges(JsonObject* model, Vocabulary* vocabulary) {
  const Json* const merges = model->Find("merges");
  if (merges == nullptr || !merges->is_array()) {
    return InvalidField(model->PathOf("merges"), "no list", "a list of merges");
  }
  vocabulary->merges.reserve(merges->size());
  for (const Json& merge : *merges) {
    std::optional<MergePair> pair;
    if (merge.is_string()) {
      // Here a space is the separator and nothing else.
      pair = SplitMerge(merge.get_ref<const std::string&>());
      if (pair && (pair->first.find(' ') != std::string::npos ||
                   pair->second.find(' ') != std::string::npos)) {
        pair.reset();
      }
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      pair = MergePair(merge[0].get<std::string>(), merge[1].get<std::string>());
    }
    if (!pair) {
      return InvalidField(
          absl::StrCat(model->PathOf("merges"), "[", vocabulary->merges.size(), "]"),
          Quoted(merge.is_string() ? merge.get_ref<const std::string&>() : merge.type_name()),
          "two tokens, as a list or with a space between");
    }
    vocabulary->merges.push_back(*std::move(pair));
  }
  return absl::OkStatus();
}

absl::Status ReadModel(JsonObject* model, size_t added, Vocabulary* vocabulary) {
  STEER_ASSIGN_OR_RETURN(const std::string type, model->StringOr("type", "BPE"));
  if (type != "BPE") return model->Unknown("type", Quoted(type), "BPE");
  const Json* const dropout = model->Find("dropout");
  if (dropout != nullptr && *dropout != 0) {
    return model->Unknown("dropout", dropout->dump(), "none");
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    STEER_ASSIGN_OR_RETURN(const std::string affix, model->StringOr(key, ""));
    if (!affix.empty()) return model->Unknown(key, Quoted(affix), "none");
  }
  SymbolRules* const symbols = &vocabulary->symbols;
  STEER_ASSIGN_OR_RETURN(symbols->fuses_unknown, model->BoolOr("fuse_unk", false));
  STEER_ASSIGN_OR_RETURN(symbols->byte_fallback, model->BoolOr("byte_fallback", false));
  STEER_ASSIGN_OR_RETURN(symbols->whole_pieces_first, model->BoolOr("ignore_merges", false));
  STEER_RETURN_IF_ERROR(ReadTokens(model, added, vocabulary));
  STEER_RETURN_IF_ERROR(ReadMerges(model, vocabulary));
  STEER_ASSIGN_OR_RETURN(const std::string unknown, model->StringOr("unk_token", ""));
  if (!unknown.empty()) {
    const auto found = std::find(vocabulary->tokens.begin(), vocabulary->tokens.end(), unknown);
    if (found == vocabulary->tokens.end()) {
      return InvalidField(model->PathOf("unk_token"), Quoted(unknown), "one of the vocabulary");
    }
    symbols->unknown = static_cast<TokenId>(found - vocabulary->tokens.begin());
  }
  return model->AllAsked();
}

absl::Status ReadAddedToken(JsonObject* entry, size_t entries, Vocabulary* vocabulary) {
  AddedToken token;
  STEER_ASSIGN_OR_RETURN(token.spelling, entry->String("content"));
  STEER_ASSIGN_OR_RETURN(const bool special, entry->BoolOr("special", false));
  STEER_ASSIGN_OR_RETURN(token.single_word, entry->BoolOr("single_word", false));
  STEER_ASSIGN_OR_RETURN(token.strips_left, entry->BoolOr("lstrip", false));
  STEER_ASSIGN_OR_RETURN(token.strips_right, entry->BoolOr("rstrip", false));
  STEER_ASSIGN_OR_RETURN(token.normalized, entry->BoolOr("normalized", !special));
  STEER_ASSIGN_OR_RETURN(const int64_t id, entry->IntOr("id", -1));
  STEER_RETURN_IF_ERROR(entry->AllAsked());
  STEER_RETURN_IF_ERROR(SetToken(token.spelling, Json(id), entries,
                                 special ? TokenKind::kControl : TokenKind::kUserDefined,
                                 vocabulary));
  token.token = static_cast<TokenId>(id);
  token.is_text = !special && !IsTurnMarkup(token.spelling);
  vocabulary->added.push_back(std::move(token));
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const Json* added, Vocabulary* vocabulary) {
  if (added == nullptr) return absl::OkStatus();
  const size_t entries = vocabulary->tokens.size() + added->size();
  for (size_t i = 0; i < added->size(); ++i) {
    STEER_ASSIGN_OR_RETURN(JsonObject entry,
                           JsonObject::Of((*added)[i], absl::StrCat("added_tokens[", i, "]")));
    const absl::Status status = ReadAddedToken(&entry, entries, vocabulary);
    if (!status.ok()) return Annotate(status, entry.path());
  }
  return absl::OkStatus();
}

absl::Status CheckSpellings(const Vocabulary& vocabulary) {
  std::vector<absl::string_view> spellings;
  for (const std::string& token : vocabulary.tokens) {
    if (!token.empty()) spellings.emplace_back(token);
  }
  std::sort(spellings.begin(), spellings.end());
  const auto twice = std::adjacent_find(spellings.begin(), spellings.end());
  if (twice == spellings.end()) return absl::OkStatus();
  return InvalidField("added_tokens", absl::StrCat(Quoted(*twice), " again"),
                      "the id that the vocabulary has for it");
}

}  // namespace

absl::StatusOr<Vocabulary> ParseTokenizerJson(const std::string& text) {
  STEER_ASSIGN_OR_RETURN(const Json json, ParseJson(text, "tokenizer.json"));
  STEER_ASSIGN_OR_RETURN(JsonObject file, JsonObject::Of(json, ""));
  for (const char* key : {"version", "truncation", "padding"}) file.Find(key);
  const Json* const added = file.Find("added_tokens");
  if (added != nullptr && !added->is_array()) {
    return InvalidField("added_tokens", added->type_name(), "a list");
  }
  const Json* const model = file.Find("model");
  if (model == nullptr) return InvalidField("model", "nothing", "an object");
  STEER_ASSIGN_OR_RETURN(JsonObject model_object, JsonObject::Of(*model, "model"));
  Vocabulary vocabulary;
  vocabulary.origin = "model";
  STEER_RETURN_IF_ERROR(
      ReadModel(&model_object, added == nullptr ? 0 : added->size(), &vocabulary));
  STEER_RETURN_IF_ERROR(ReadAddedTokens(added, &vocabulary));
  STEER_RETURN_IF_ERROR(CheckSpellings(vocabulary));
  STEER_RETURN_IF_ERROR(ReadNormalizer(file.Find("normalizer"), &vocabulary));
  STEER_RETURN_IF_ERROR(ReadPreTokenizer(file.Find("pre_tokenizer"), &vocabulary));
  STEER_RETURN_IF_ERROR(ReadDecoder(file.Find("decoder"), &vocabulary));
  STEER_RETURN_IF_ERROR(ReadPostProcessor(file.Find("post_processor"), &vocabulary));
  STEER_RETURN_IF_ERROR(file.AllAsked());
  return vocabulary;
}

}  // namespace steer

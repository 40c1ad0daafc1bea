#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/json_object.h"
#include "core/tokenizer/vocabulary.h"

namespace steer {
namespace {

using Json = nlohmann::json;

absl::StatusOr<Json> ReadObject(const ModelFolder& folder, absl::string_view name) {
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> text, folder.Text(name));
  if (!text) return Json::object();
  STEER_ASSIGN_OR_RETURN(Json json, ParseJson(*text, name));
  if (!json.is_object()) return InvalidField(name, json.type_name(), "a JSON object");
  return json;
}

absl::Status AddEnd(const Json& id, absl::string_view name, Vocabulary* vocabulary) {
  if (!id.is_number_integer() || id.get<int64_t>() < 0 ||
      static_cast<size_t>(id.get<int64_t>()) >= vocabulary->tokens.size()) {
    return InvalidField(absl::StrCat(name, ": eos_token_id"), id.dump(),
                        absl::StrCat("0 to ", vocabulary->tokens.size() - 1));
  }
  vocabulary->end_of_output.push_back(id.get<TokenId>());
  return absl::OkStatus();
}

// "eos_token_id" is one id or a list of them.
absl::Status AddEnds(const Json& object, absl::string_view name, Vocabulary* vocabulary) {
  const auto ends = object.find("eos_token_id");
  if (ends == object.end() || ends->is_null()) return absl::OkStatus();
  if (!ends->is_array()) return AddEnd(*ends, name, vocabulary);
  for (const Json& id : *ends) STEER_RETURN_IF_ERROR(AddEnd(id, name, vocabulary));
  return absl::OkStatus();
}

// A token that tokenizer_config.json names by its spelling, as text or in an object.
absl::StatusOr<std::optional<TokenId>> NamedToken(const Json& config, const char* key,
                                                  const Vocabulary& vocabulary) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return std::optional<TokenId>();
  const Json* spelling = &*found;
  if (spelling->is_object() && spelling->contains("content")) spelling = &(*spelling)["content"];
  const auto at = spelling->is_string()
                      ? std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(),
                                  spelling->get_ref<const std::string&>())
                      : vocabulary.tokens.end();
  if (at == vocabulary.tokens.end()) {
    return InvalidField(absl::StrCat("tokenizer_config.json: ", key), Quoted(spelling->dump()),
                        "a token of the vocabulary");
  }
  return std::optional<TokenId>(static_cast<TokenId>(at - vocabulary.tokens.begin()));
}

absl::Status ReadTokenizerConfig(const Json& config, Vocabulary* vocabulary) {
  STEER_ASSIGN_OR_RETURN(const std::optional<TokenId> end,
                         NamedToken(config, "eos_token", *vocabulary));
  if (end) vocabulary->end_of_output.push_back(*end);
  // Overrides what tokenizer.json puts at the front.
  const auto adds = config.find("add_bos_token");
  if (adds == config.end() || adds->is_null()) return absl::OkStatus();
  if (!adds->is_boolean()) {
    return InvalidField("tokenizer_config.json: add_bos_token", adds->dump(), "true or false");
  }
  if (!adds->get<bool>()) {
    vocabulary->bos.reset();
    return absl::OkStatus();
  }
  STEER_ASSIGN_OR_RETURN(const std::optional<TokenId> bos,
                         NamedToken(config, "bos_token", *vocabulary));
  if (!bos) {
    return InvalidField("tokenizer_config.json: bos_token", "none",
                        "a token, since the tokenizer adds one at the start");
  }
  vocabulary->bos = bos;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Vocabulary> ReadVocabulary(const ModelFolder& folder) {
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> text, folder.Text("tokenizer.json"));
  if (!text) {
    return FieldError(
        absl::StatusCode::kUnimplemented,
        {"UNKNOWN_TOKENIZER", "model", absl::StrCat("no tokenizer.json in ", Quoted(folder.path())),
         "a folder with tokenizer.json"});
  }
  STEER_ASSIGN_OR_RETURN(Vocabulary vocabulary, ParseTokenizerJson(*text));
  STEER_ASSIGN_OR_RETURN(const Json tokenizer, ReadObject(folder, "tokenizer_config.json"));
  STEER_RETURN_IF_ERROR(ReadTokenizerConfig(tokenizer, &vocabulary));
  for (const char* name : {"generation_config.json", "config.json"}) {
    STEER_ASSIGN_OR_RETURN(const Json config, ReadObject(folder, name));
    STEER_RETURN_IF_ERROR(AddEnds(config, name, &vocabulary));
    const auto nested = config.find("text_config");
    if (nested == config.end() || !nested->is_object()) continue;
    STEER_RETURN_IF_ERROR(AddEnds(*nested, name, &vocabulary));
  }
  return vocabulary;
}

}  // namespace steer

#include "core/tokenizer/chat_template_source.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/mapped_file.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

using Json = nlohmann::json;

constexpr char kConfigFile[] = "tokenizer_config.json";
constexpr char kTemplateFile[] = "chat_template.jinja";
constexpr char kOverride[] = "chat_template";

// The names under which the reference hands special tokens to a template, and GGUF's for their ids.
constexpr std::pair<const char*, const char*> kSpecialTokens[] = {
    {"bos_token", "tokenizer.ggml.bos_token_id"},
    {"eos_token", "tokenizer.ggml.eos_token_id"},
    {"unk_token", "tokenizer.ggml.unknown_token_id"},
    {"sep_token", "tokenizer.ggml.seperator_token_id"},
    {"pad_token", "tokenizer.ggml.padding_token_id"},
    {"cls_token", "tokenizer.ggml.cls_token_id"},
    {"mask_token", "tokenizer.ggml.mask_token_id"}};

absl::StatusOr<Json> ReadObject(const ModelFolder& folder, const char* name) {
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> text, folder.Text(name));
  if (!text) return Json::object();
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return json;
  return InvalidField(name, "something else", "a JSON object");
}

// A token as a string, or as an object that has it under "content".
std::optional<std::string> Spelling(const Json& config, const char* name) {
  const auto found = config.find(name);
  if (found == config.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_object()) return std::nullopt;
  const auto content = found->find("content");
  if (content == found->end() || !content->is_string()) return std::nullopt;
  return content->get<std::string>();
}

absl::StatusOr<std::string> TemplateOf(const Json& config) {
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) {
    return NotFound("chat_template", "chat template", "a folder without one");
  }
  if (found->is_string()) return found->get<std::string>();
  for (const Json& named : *found) {
    if (!named.is_object()) continue;
    if (Spelling(named, "name") != "default") continue;
    if (auto text = Spelling(named, "template")) return *std::move(text);
  }
  return InvalidField(absl::StrCat(kConfigFile, ": chat_template"), "no template named 'default'",
                      "a string, or a list of named templates with a default");
}

}  // namespace

absl::StatusOr<ChatTemplateSource> ReadChatTemplate(const GgufFile& file,
                                                    const Tokenizer& tokenizer,
                                                    const std::optional<std::string>& other) {
  ChatTemplateSource source{.field = "tokenizer.chat_template"};
  if (other) {
    source.field = kOverride;
    source.text = *other;
  } else {
    STEER_ASSIGN_OR_RETURN(source.text, file.String("tokenizer.chat_template"));
  }
  for (const auto& [name, key] : kSpecialTokens) {
    const absl::StatusOr<int64_t> id = file.Int(key);
    if (!id.ok() || *id < 0 || *id >= tokenizer.vocabulary_size()) continue;
    source.tokens[name] = tokenizer.Bytes(static_cast<TokenId>(*id), /*with_special=*/true);
  }
  return source;
}

absl::StatusOr<ChatTemplateSource> ReadChatTemplate(const ModelFolder& folder,
                                                    const std::optional<std::string>& other) {
  ChatTemplateSource source;
  STEER_ASSIGN_OR_RETURN(const Json config, ReadObject(folder, kConfigFile));
  // Older folders have them here alone.
  STEER_ASSIGN_OR_RETURN(const Json special, ReadObject(folder, "special_tokens_map.json"));
  for (const auto& [name, key] : kSpecialTokens) {
    std::optional<std::string> spelling = Spelling(config, name);
    if (!spelling) spelling = Spelling(special, name);
    if (spelling) source.tokens[name] = *std::move(spelling);
  }
  STEER_ASSIGN_OR_RETURN(std::optional<std::string> text, folder.Text(kTemplateFile));
  if (other) {
    source.field = kOverride;
    source.text = *other;
  } else if (text) {
    source.field = kTemplateFile;
    source.text = *std::move(text);
  } else {
    source.field = absl::StrCat(kConfigFile, ": chat_template");
    STEER_ASSIGN_OR_RETURN(source.text, TemplateOf(config));
  }
  return source;
}

absl::StatusOr<std::optional<std::string>> ReadChatTemplateFile(const std::string& path) {
  constexpr size_t kLargest = size_t{1} << 20U;
  if (path.empty()) return std::nullopt;
  const absl::StatusOr<std::shared_ptr<const MappedFile>> file = MappedFile::Open(path);
  if (!file.ok()) return Annotate(file.status(), kOverride);
  const std::span<const std::byte> bytes = (*file)->bytes();
  if (bytes.size() > kLargest) {
    return InvalidField(kOverride, absl::StrCat(bytes.size(), " bytes"),
                        absl::StrCat("up to ", kLargest));
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace steer

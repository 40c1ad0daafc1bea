// Decoders and post-processors of a tokenizer.json.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/json_object.h"
#include "core/tokenizer/tokenizer_json_parts.h"

namespace steer {
namespace {

using Json = nlohmann::json;

// Several decoders in a row make sense together only in one order.
enum class Stage : uint8_t { kBegin, kReplace, kByteFallback, kFuse, kStrip, kWhole };

absl::Status ReadReplace(JsonObject* part, DecodeRules* rules) {
  const Json* const pattern = part->Find("pattern");
  STEER_ASSIGN_OR_RETURN(const std::string content, part->String("content"));
  if (pattern == nullptr || *pattern != Json{{"String", std::string(kVisibleSpace)}} ||
      content != " ") {
    return part->Unknown("pattern", "another replacement", "U+2581 by a space");
  }
  rules->visible_spaces = true;
  return absl::OkStatus();
}

absl::Status ReadStrip(JsonObject* part, DecodeRules* rules) {
  STEER_ASSIGN_OR_RETURN(const std::string content, part->String("content"));
  STEER_ASSIGN_OR_RETURN(const int64_t start, part->IntOr("start", 0));
  STEER_ASSIGN_OR_RETURN(const int64_t stop, part->IntOr("stop", 0));
  if (content != " " || start < 0 || start > 1 || stop != 0) {
    return part->Unknown("content", absl::StrCat(Quoted(content), " ", start, " ", stop),
                         "' ', at most one at the start, none at the stop");
  }
  if (start == 1) rules->opening = DecodeRules::Opening::kOneSpace;
  return absl::OkStatus();
}

absl::Status ReadMetaspace(JsonObject* part, DecodeRules* rules) {
  STEER_ASSIGN_OR_RETURN(const std::string replacement, part->String("replacement"));
  STEER_ASSIGN_OR_RETURN(const bool prefix, part->BoolOr("add_prefix_space", true));
  STEER_ASSIGN_OR_RETURN(const std::string scheme,
                         part->StringOr("prepend_scheme", prefix ? "always" : "never"));
  part->Find("split");    // decoding does not split
  part->Find("str_rep");  // the replacement again
  if (replacement != kVisibleSpace) {
    return part->Unknown("replacement", Quoted(replacement), "U+2581");
  }
  rules->visible_spaces = true;
  if (scheme != "never") rules->opening = DecodeRules::Opening::kSpacesOfFirstToken;
  return absl::OkStatus();
}

absl::StatusOr<Stage> ReadDecoderPart(JsonObject* part, Vocabulary* vocabulary) {
  STEER_ASSIGN_OR_RETURN(const std::string type, part->String("type"));
  DecodeRules* const rules = &vocabulary->decoding;
  if (type == "ByteLevel") {
    for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"}) part->Find(key);
    if (!vocabulary->symbols.byte_level) {
      return part->Unknown("type", "ByteLevel", "what belongs to a pre-tokenizer without it");
    }
    return Stage::kWhole;
  }
  if (vocabulary->symbols.byte_level) return part->Unknown("type", Quoted(type), "ByteLevel");
  if (type == "Replace") {
    STEER_RETURN_IF_ERROR(ReadReplace(part, rules));
    return Stage::kReplace;
  }
  if (type == "ByteFallback") {
    rules->byte_tokens = true;
    return Stage::kByteFallback;
  }
  if (type == "Fuse") return Stage::kFuse;
  if (type == "Strip") {
    STEER_RETURN_IF_ERROR(ReadStrip(part, rules));
    return Stage::kStrip;
  }
  if (type == "Metaspace") {
    STEER_RETURN_IF_ERROR(ReadMetaspace(part, rules));
    return Stage::kWhole;
  }
  return part->Unknown("type", Quoted(type),
                       "Sequence, ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace");
}

// The ids that the template's special token stands for.
absl::StatusOr<TokenId> IdOfTemplateToken(JsonObject* part, const std::string& name, size_t size) {
  const Json* const tokens = part->Find("special_tokens");
  const Json* const token = tokens != nullptr && tokens->is_object() && tokens->contains(name)
                                ? &(*tokens)[name]
                                : nullptr;
  const Json* const ids =
      token != nullptr && token->is_object() && token->contains("ids") ? &(*token)["ids"] : nullptr;
  if (ids == nullptr || !ids->is_array() || ids->size() != 1 || !(*ids)[0].is_number_integer()) {
    return part->Unknown(absl::StrCat("special_tokens.", name), "not one id", "a list of one id");
  }
  const auto id = (*ids)[0].get<int64_t>();
  if (id < 0 || static_cast<size_t>(id) >= size) {
    return InvalidField(part->PathOf(absl::StrCat("special_tokens.", name)), absl::StrCat(id),
                        absl::StrCat("0 to ", size - 1));
  }
  return static_cast<TokenId>(id);
}

absl::Status ReadTemplate(JsonObject* part, Vocabulary* vocabulary) {
  const Json* const pieces = part->Find("single");
  part->Find("pair");  // we never join two texts
  if (pieces == nullptr || !pieces->is_array()) {
    return InvalidField(part->PathOf("single"), "no list", "a list");
  }
  bool after_text = false;
  for (const Json& piece : *pieces) {
    if (piece.is_object() && piece.contains("Sequence") && !after_text) {
      after_text = true;
      continue;
    }
    const bool is_token =
        piece.is_object() && piece.contains("SpecialToken") && piece["SpecialToken"].is_object() &&
        piece["SpecialToken"].contains("id") && piece["SpecialToken"]["id"].is_string();
    if (!is_token || after_text || vocabulary->bos) {
      return part->Unknown("single", "something else", "at most one special token, then the text");
    }
    STEER_ASSIGN_OR_RETURN(vocabulary->bos, IdOfTemplateToken(part, piece["SpecialToken"]["id"],
                                                              vocabulary->tokens.size()));
  }
  part->Find("special_tokens");
  if (!after_text) return InvalidField(part->PathOf("single"), "no text", "the text in it");
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadDecoder(const Json* part, Vocabulary* vocabulary) {
  STEER_ASSIGN_OR_RETURN(std::vector<JsonObject> parts, Flatten(part, "decoder", "decoders"));
  Stage last = Stage::kBegin;
  for (JsonObject& object : parts) {
    STEER_ASSIGN_OR_RETURN(const Stage stage, ReadDecoderPart(&object, vocabulary));
    STEER_RETURN_IF_ERROR(object.AllAsked());
    const bool fits = stage == Stage::kWhole   ? last == Stage::kBegin
                      : stage == Stage::kStrip ? last == Stage::kFuse
                                               : stage > last && last != Stage::kWhole;
    if (!fits) {
      return object.Unknown("type", "this order",
                            "Replace, ByteFallback, Fuse, Strip; ByteLevel or Metaspace alone");
    }
    last = stage;
  }
  if (last == Stage::kBegin) {
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNKNOWN_TOKENIZER", "decoder", "none", "one that joins tokens"});
  }
  return absl::OkStatus();
}

absl::Status ReadPostProcessor(const Json* part, Vocabulary* vocabulary) {
  STEER_ASSIGN_OR_RETURN(std::vector<JsonObject> parts,
                         Flatten(part, "post_processor", "processors"));
  for (JsonObject& object : parts) {
    STEER_ASSIGN_OR_RETURN(const std::string type, object.String("type"));
    if (type == "TemplateProcessing") {
      STEER_RETURN_IF_ERROR(ReadTemplate(&object, vocabulary));
    } else if (type == "ByteLevel") {
      // Trims where tokens lie in the text; adds nothing.
      for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"}) object.Find(key);
    } else {
      return object.Unknown("type", Quoted(type), "Sequence, TemplateProcessing, ByteLevel");
    }
    STEER_RETURN_IF_ERROR(object.AllAsked());
  }
  return absl::OkStatus();
}

}  // namespace steer

// Normalizers and pre-tokenizers of a tokenizer.json.

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/json_object.h"
#include "core/tokenizer/known_pre_tokenizers.h"
#include "core/tokenizer/tokenizer_json_parts.h"

namespace steer {
namespace {

using Json = nlohmann::json;
using Pattern = std::variant<Regex, std::string>;

struct NamedPattern {
  Pattern pattern;
  std::string regex;  // its source; empty if it is no regular expression
};

absl::StatusOr<NamedPattern> ReadPattern(JsonObject* part) {
  const Json* const value = part->Find("pattern");
  if (value == nullptr) return InvalidField(part->PathOf("pattern"), "nothing", "an object");
  STEER_ASSIGN_OR_RETURN(JsonObject object, JsonObject::Of(*value, part->PathOf("pattern")));
  if (object.Find("Regex") != nullptr) {
    STEER_ASSIGN_OR_RETURN(std::string source, object.String("Regex"));
    STEER_RETURN_IF_ERROR(object.AllAsked());
    absl::StatusOr<Regex> regex = Regex::Create(source);
    if (!regex.ok()) return Annotate(regex.status(), object.path());
    return NamedPattern{*std::move(regex), std::move(source)};
  }
  STEER_ASSIGN_OR_RETURN(std::string literal, object.String("String"));
  STEER_RETURN_IF_ERROR(object.AllAsked());
  return NamedPattern{std::move(literal), ""};
}

absl::StatusOr<Normalizer::Step> ReadNormalizerStep(JsonObject* part) {
  STEER_ASSIGN_OR_RETURN(const std::string type, part->String("type"));
  if (type == "NFC") return Normalizer::Form::kNfc;
  if (type == "NFD") return Normalizer::Form::kNfd;
  if (type == "NFKC") return Normalizer::Form::kNfkc;
  if (type == "NFKD") return Normalizer::Form::kNfkd;
  if (type == "Prepend") {
    STEER_ASSIGN_OR_RETURN(std::string content, part->String("prepend"));
    return Normalizer::Prepend{std::move(content)};
  }
  if (type == "Replace") {
    STEER_ASSIGN_OR_RETURN(NamedPattern pattern, ReadPattern(part));
    STEER_ASSIGN_OR_RETURN(std::string content, part->String("content"));
    return Normalizer::Replace{std::move(pattern.pattern), std::move(content)};
  }
  if (type == "Strip") {
    STEER_ASSIGN_OR_RETURN(const bool left, part->BoolOr("strip_left", false));
    STEER_ASSIGN_OR_RETURN(const bool right, part->BoolOr("strip_right", false));
    return Normalizer::Strip{left, right};
  }
  return part->Unknown("type", Quoted(type),
                       "Sequence, NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip");
}

// The stages so far, and how the whole would be named if it is one of the well-known ones.
struct Stages {
  std::vector<PreTokenizer::Stage> list;
  std::vector<std::string> names;
  bool byte_level = false;
};

absl::Status AddSplit(JsonObject* part, Stages* stages) {
  using Behavior = PreTokenizer::Behavior;
  constexpr std::pair<absl::string_view, Behavior> kBehaviors[] = {
      {"Removed", Behavior::kRemoved},
      {"Isolated", Behavior::kIsolated},
      {"MergedWithPrevious", Behavior::kMergedWithPrevious},
      {"MergedWithNext", Behavior::kMergedWithNext},
      {"Contiguous", Behavior::kContiguous}};
  STEER_ASSIGN_OR_RETURN(NamedPattern pattern, ReadPattern(part));
  STEER_ASSIGN_OR_RETURN(const std::string behavior, part->String("behavior"));
  STEER_ASSIGN_OR_RETURN(const bool invert, part->BoolOr("invert", false));
  for (const auto& [name, value] : kBehaviors) {
    if (name != behavior) continue;
    const bool is_plain = value == Behavior::kIsolated && !invert && !pattern.regex.empty();
    stages->names.push_back(is_plain ? pattern.regex : "?");
    stages->list.emplace_back(PreTokenizer::Split{std::move(pattern.pattern), value, invert});
    return absl::OkStatus();
  }
  return part->Unknown("behavior", Quoted(behavior),
                       "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

absl::Status AddByteLevel(JsonObject* part, Stages* stages) {
  STEER_ASSIGN_OR_RETURN(const bool prefix, part->BoolOr("add_prefix_space", true));
  STEER_ASSIGN_OR_RETURN(const bool use_regex, part->BoolOr("use_regex", true));
  part->Find("trim_offsets");  // tells where a token lies in the text, not which it is
  if (prefix) {
    stages->list.emplace_back(PreTokenizer::PrefixSpace{});
    stages->names.emplace_back("?");
  }
  if (use_regex) {
    stages->list.emplace_back(SplitOnGpt2Pattern());
    stages->names.emplace_back("gpt-2");
  }
  stages->byte_level = true;
  return absl::OkStatus();
}

absl::Status AddMetaspace(JsonObject* part, Stages* stages) {
  using Prepend = PreTokenizer::Metaspace::Prepend;
  PreTokenizer::Metaspace stage;
  STEER_ASSIGN_OR_RETURN(stage.replacement, part->String("replacement"));
  // Files from before there was a scheme have a switch.
  STEER_ASSIGN_OR_RETURN(const bool prefix, part->BoolOr("add_prefix_space", true));
  STEER_ASSIGN_OR_RETURN(const std::string scheme,
                         part->StringOr("prepend_scheme", prefix ? "always" : "never"));
  STEER_ASSIGN_OR_RETURN(const bool split, part->BoolOr("split", true));
  part->Find("str_rep");  // the replacement again
  if (stage.replacement != kVisibleSpace) {
    return part->Unknown("replacement", Quoted(stage.replacement), "U+2581");
  }
  if (scheme == "first") {
    stage.prepend = Prepend::kFirst;
  } else if (scheme == "never") {
    stage.prepend = Prepend::kNever;
  } else if (scheme != "always") {
    return part->Unknown("prepend_scheme", Quoted(scheme), "always, first, never");
  }
  stages->list.emplace_back(std::move(stage));
  if (split) {
    stages->list.emplace_back(
        PreTokenizer::Split{std::string(kVisibleSpace), PreTokenizer::Behavior::kMergedWithNext});
  }
  stages->names.emplace_back("?");
  return absl::OkStatus();
}

absl::Status AddStage(JsonObject* part, Stages* stages) {
  STEER_ASSIGN_OR_RETURN(const std::string type, part->String("type"));
  if (stages->byte_level) {
    return part->Unknown("type", absl::StrCat(Quoted(type), " behind ByteLevel"),
                         "ByteLevel as the last one");
  }
  if (type == "Split") return AddSplit(part, stages);
  if (type == "ByteLevel") return AddByteLevel(part, stages);
  if (type == "Metaspace") return AddMetaspace(part, stages);
  if (type == "Digits") {
    STEER_ASSIGN_OR_RETURN(const bool individual, part->BoolOr("individual_digits", false));
    stages->list.emplace_back(SplitOnDigits(individual));
    stages->names.emplace_back(individual ? "digits" : "?");
    return absl::OkStatus();
  }
  return part->Unknown("type", Quoted(type), "Sequence, Split, ByteLevel, Digits, Metaspace");
}

// The pattern under which the table of known pre-tokenizers has these stages.
std::optional<std::string> KnownPattern(const Stages& stages) {
  if (!stages.byte_level) return std::nullopt;
  if (stages.names == std::vector<std::string>{"digits", "gpt-2"}) return "";
  if (stages.names.size() != 1 || stages.names[0] == "?") return std::nullopt;
  if (stages.names[0] != "gpt-2") return stages.names[0];
  const absl::StatusOr<KnownPreTokenizer> known = FindPreTokenizer("gpt-2");
  return std::string(known->pattern);
}

}  // namespace

absl::Status ReadNormalizer(const Json* part, Vocabulary* vocabulary) {
  STEER_ASSIGN_OR_RETURN(std::vector<JsonObject> parts, Flatten(part, "normalizer", "normalizers"));
  std::vector<Normalizer::Step> steps;
  for (JsonObject& object : parts) {
    STEER_ASSIGN_OR_RETURN(Normalizer::Step step, ReadNormalizerStep(&object));
    STEER_RETURN_IF_ERROR(object.AllAsked());
    steps.push_back(std::move(step));
  }
  vocabulary->pipeline = part == nullptr ? "" : part->dump();
  vocabulary->normalizer = Normalizer(std::move(steps));
  return absl::OkStatus();
}

absl::Status ReadPreTokenizer(const Json* part, Vocabulary* vocabulary) {
  STEER_ASSIGN_OR_RETURN(std::vector<JsonObject> parts,
                         Flatten(part, "pre_tokenizer", "pretokenizers"));
  Stages stages;
  for (JsonObject& object : parts) {
    STEER_RETURN_IF_ERROR(AddStage(&object, &stages));
    STEER_RETURN_IF_ERROR(object.AllAsked());
  }
  vocabulary->symbols.byte_level = stages.byte_level;
  // One that GGUF files have a word for goes by that: then a model has one fingerprint, whichever
  // of the two it is loaded from.
  const std::optional<std::string> pattern = KnownPattern(stages);
  const bool composes = vocabulary->pipeline == R"({"type":"NFC"})";
  if (pattern && (composes || vocabulary->normalizer.empty())) {
    if (const auto name =
            NameOfPreTokenizer(*pattern, vocabulary->symbols.whole_pieces_first, composes)) {
      STEER_ASSIGN_OR_RETURN(const KnownPreTokenizer known, FindPreTokenizer(*name));
      vocabulary->pipeline = std::string(*name);
      vocabulary->pre_tokenizer = StagesOf(known);
      return absl::OkStatus();
    }
  }
  absl::StrAppend(&vocabulary->pipeline, "|", part == nullptr ? "" : part->dump());
  vocabulary->pre_tokenizer = PreTokenizer(std::move(stages.list));
  return absl::OkStatus();
}

}  // namespace steer

#include "core/tokenizer/known_pre_tokenizers.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/check.h"
#include "core/base/status.h"

namespace steer {
namespace {

constexpr char kGpt2[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr char kLlama3[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kQwen2[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kTekken[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kGpt4o[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Of several names for the same, the first is the one a folder's tokenizer goes by.
constexpr KnownPreTokenizer kKnown[] = {
    {"gpt-2", kGpt2, false, false, false},  {"llama-bpe", kLlama3, true, true, false},
    {"llama3", kLlama3, true, true, false}, {"llama-v3", kLlama3, true, true, false},
    {"qwen2", kQwen2, false, false, true},  {"smollm", "", false, false, false},
    {"dbrx", kLlama3, false, false, false}, {"smaug-bpe", kLlama3, false, false, false},
    {"tekken", kTekken, true, true, false}, {"gpt-4o", kGpt4o, false, false, false},
};

}  // namespace

absl::StatusOr<KnownPreTokenizer> FindPreTokenizer(absl::string_view name) {
  std::vector<absl::string_view> names;
  for (const KnownPreTokenizer& known : kKnown) {
    if (known.name == name) return known;
    names.push_back(known.name);
  }
  return FieldError(absl::StatusCode::kUnimplemented,
                    {"UNKNOWN_PRE_TOKENIZER", "tokenizer.ggml.pre", absl::StrCat("'", name, "'"),
                     absl::StrJoin(names, ", ")});
}

std::optional<absl::string_view> NameOfPreTokenizer(absl::string_view pattern,
                                                    bool whole_pieces_first, bool composes) {
  for (const KnownPreTokenizer& known : kKnown) {
    if (known.pattern == pattern && known.whole_pieces_first == whole_pieces_first &&
        known.composes == composes) {
      return known.name;
    }
  }
  return std::nullopt;
}

PreTokenizer StagesOf(const KnownPreTokenizer& known) {
  std::vector<PreTokenizer::Stage> stages;
  if (known.pattern.empty()) {
    stages.emplace_back(SplitOnDigitsAndGpt2Pattern());
  } else {
    absl::StatusOr<Regex> regex = Regex::Create(known.pattern);
    STEER_CHECK(regex.ok());
    stages.emplace_back(PreTokenizer::Split{*std::move(regex)});
  }
  return PreTokenizer(std::move(stages));
}

}  // namespace steer

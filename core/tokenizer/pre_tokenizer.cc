#include "core/tokenizer/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/base/check.h"
#include "core/base/status.h"

namespace steer {
namespace {

// Members of a character class, written out so that they do not depend on which Unicode version
// PCRE2 was built with. White space: PCRE2's \s has U+180E, the reference's has not.
constexpr char kSpace[] =
    R"(\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
// Letters: what Unicode 15 and 16, the reference's version, added to PCRE2 10.42's Unicode 14.
constexpr char kLetter[] =
    R"(\p{L}\x{1c89}\x{1c8a}\x{a7cb}-\x{a7cd}\x{a7da}-\x{a7dc}\x{105c0}-\x{105f3}\x{10d4a}-\x{10d65})"
    R"(\x{10d6f}-\x{10d85}\x{10ec2}-\x{10ec4}\x{1123f}\x{11240}\x{11380}-\x{11389}\x{1138b}\x{1138e})"
    R"(\x{11390}-\x{113b5}\x{113b7}\x{113d1}\x{113d3}\x{11bc0}-\x{11be0}\x{11f02}\x{11f04}-\x{11f10})"
    R"(\x{11f12}-\x{11f33}\x{1342f}\x{13441}-\x{13446}\x{13460}-\x{143fa}\x{16100}-\x{1611d})"
    R"(\x{16d40}-\x{16d6c}\x{18cff}\x{1b132}\x{1b155}\x{1df25}-\x{1df2a}\x{1e030}-\x{1e06d})"
    R"(\x{1e4d0}-\x{1e4eb}\x{1e5d0}-\x{1e5ed}\x{1e5f0}\x{2b739}\x{2ebf0}-\x{2ee5d}\x{31350}-\x{323af})";
constexpr char kNumber[] =
    R"(\p{N}\x{10d40}-\x{10d49}\x{116d0}-\x{116e3}\x{11bf0}-\x{11bf9}\x{11f50}-\x{11f59})"
    R"(\x{16130}-\x{16139}\x{16d70}-\x{16d79}\x{1ccf0}-\x{1ccf9}\x{1d2c0}-\x{1d2d3})"
    R"(\x{1e4f0}-\x{1e4f9}\x{1e5f1}-\x{1e5fa})";
// The reference isolates digits by another library, which knows those of Unicode 17 as well.
constexpr char kDigit[] = R"({N}\x{11de0}-\x{11de9}\x{16ff4}-\x{16ff6})";

struct Known {
  absl::string_view name;
  absl::string_view pattern;  // {S}, {L}, {N}, {D} stand for the classes above
  bool whole_pieces_first;
  bool adds_bos_by_default;
};

constexpr Known kKnown[] = {
    {"gpt-2", "'s|'t|'re|'ve|'m|'ll|'d| ?[{L}]+| ?[{N}]+| ?[^{S}{L}{N}]+|[{S}]+(?![^{S}])|[{S}]+",
     false, false},
    {"llama-bpe",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n{L}{N}]?[{L}]+|[{N}]{1,3}| ?[^{S}{L}{N}]+[\r\n]*)"
     R"(|[{S}]*[\r\n]+|[{S}]+(?![^{S}])|[{S}]+)",
     true, true},
    {"qwen2",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n{L}{N}]?[{L}]+|[{N}]| ?[^{S}{L}{N}]+[\r\n]*)"
     R"(|[{S}]*[\r\n]+|[{S}]+(?![^{S}])|[{S}]+)",
     false, false},
    // The reference isolates each digit first and runs gpt-2's pattern inside the pieces between.
    // In one pattern: no piece holds a digit and something else, and white space before a digit is
    // like white space at the end.
    {"smollm", "[{D}]|'s|'t|'re|'ve|'m|'ll|'d| ?[{L}]+| ?[^{S}{L}{D}]+|[{S}]+(?![^{S}{D}])|[{S}]+",
     false, false},
};

struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct PreTokenizer::Regex {
  explicit Regex(const std::string& pattern) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                         PCRE2_UTF | PCRE2_UCP | PCRE2_NO_AUTO_CAPTURE, &error, &offset, nullptr);
    STEER_CHECK(code != nullptr);
    // Where code may not be generated at run time the interpreter does the same, more slowly.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    limits.reset(pcre2_match_context_create(nullptr));
    STEER_CHECK(limits != nullptr);
    // The work of these patterns is linear in the text; the default limit would cut long runs.
    pcre2_set_match_limit(limits.get(), std::numeric_limits<uint32_t>::max());
  }
  ~Regex() { pcre2_code_free(code); }
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  pcre2_code* code = nullptr;
  std::unique_ptr<pcre2_match_context, FreeContext> limits;
};

PreTokenizer::PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

absl::StatusOr<PreTokenizer> PreTokenizer::Create(absl::string_view name) {
  std::vector<absl::string_view> names;
  for (const Known& known : kKnown) {
    names.push_back(known.name);
    if (known.name != name) continue;
    PreTokenizer pre_tokenizer;
    pre_tokenizer.regex_ = std::make_unique<const Regex>(
        absl::StrReplaceAll(absl::StrReplaceAll(known.pattern, {{"{D}", kDigit}}),
                            {{"{S}", kSpace}, {"{L}", kLetter}, {"{N}", kNumber}}));
    pre_tokenizer.whole_pieces_first_ = known.whole_pieces_first;
    pre_tokenizer.adds_bos_by_default_ = known.adds_bos_by_default;
    return pre_tokenizer;
  }
  return FieldError(absl::StatusCode::kUnimplemented,
                    {"UNKNOWN_PRE_TOKENIZER", "tokenizer.ggml.pre", absl::StrCat("'", name, "'"),
                     absl::StrJoin(names, ", ")});
}

void PreTokenizer::Split(absl::string_view text,
                         absl::FunctionRef<void(absl::string_view)> piece) const {
  const std::unique_ptr<pcre2_match_data, FreeMatch> match(pcre2_match_data_create(1, nullptr));
  STEER_CHECK(match != nullptr);
  const PCRE2_SIZE* const span = pcre2_get_ovector_pointer(match.get());
  const auto* const subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t at = 0;
  while (at < text.size()) {
    // Checking the encoding at every call would make the whole quadratic.
    const int found = pcre2_match(regex_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK,
                                  match.get(), regex_->limits.get());
    if (found < 0) break;
    if (span[0] > at) piece(text.substr(at, span[0] - at));
    piece(text.substr(span[0], span[1] - span[0]));
    at = span[1];
  }
  if (at < text.size()) piece(text.substr(at));
}

}  // namespace steer

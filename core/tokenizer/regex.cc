#include "core/tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/regex_syntax.h"

namespace steer {
namespace {

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using MatchContext = std::unique_ptr<pcre2_match_context, FreeContext>;
using MatchData = std::unique_ptr<pcre2_match_data, FreeMatch>;

MatchContext MakeContext(uint32_t match_limit) {
  MatchContext context(pcre2_match_context_create(nullptr));
  STEER_CHECK(context != nullptr);
  pcre2_set_match_limit(context.get(), match_limit);
  pcre2_set_depth_limit(context.get(), std::numeric_limits<uint32_t>::max());
  pcre2_set_heap_limit(context.get(), std::numeric_limits<uint32_t>::max());
  return context;
}

absl::Status Refusal(absl::string_view pattern, absl::string_view why) {
  return FieldError(absl::StatusCode::kUnimplemented,
                    {"UNKNOWN_TOKENIZER", "pattern", absl::StrCat(Quoted(pattern), ", ", why),
                     "a pattern that takes text apart in linear time"});
}

// Runs of every kind of character, alone, alternating, and before one of another kind: where a
// pattern that has to go back does so furthest.
std::vector<std::string> Probes() {
  constexpr size_t kRepeats = 500;
  constexpr const char* kKinds[] = {"a",  "A", "é", "字", "\u0301", "1", " ",  "\n",    "\t",
                                    "\r", "!", "'", "/",  "_",      "s", "😀", "\u02B0"};
  std::vector<std::string> probes;
  for (const absl::string_view first : kKinds) {
    for (const absl::string_view second : kKinds) {
      std::string run;
      std::string mixed;
      for (size_t i = 0; i < kRepeats; ++i) {
        absl::StrAppend(&run, first);
        absl::StrAppend(&mixed, first, second);
      }
      probes.push_back(absl::StrCat(run, second));
      probes.push_back(std::move(mixed));
    }
  }
  return probes;
}

}  // namespace

struct Regex::Code {
  // Negative: an error, PCRE2_ERROR_NOMATCH among them.
  int Match(absl::string_view text, size_t from, uint32_t options, pcre2_match_data* data,
            pcre2_match_context* context) const {
    // Checking the encoding at every call would make the whole quadratic.
    return pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                       PCRE2_NO_UTF_CHECK | options, data, context);
  }
  bool IsLinear() const;

  std::unique_ptr<pcre2_code, FreeCode> code;
  MatchContext limits;
};

// No proof, but it finds the patterns that come to mind: each match may take no more steps than a
// small multiple of the text it sees.
bool Regex::Code::IsLinear() const {
  constexpr uint32_t kStepsPerByte = 16;
  const MatchData data(pcre2_match_data_create(1, nullptr));
  STEER_CHECK(data != nullptr);
  for (const std::string& probe : Probes()) {
    const MatchContext context = MakeContext(kStepsPerByte * static_cast<uint32_t>(probe.size()));
    const int found = Match(probe, 0, PCRE2_NO_JIT, data.get(), context.get());
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) return false;
  }
  return true;
}

Regex::Regex(std::unique_ptr<const Code> code) : code_(std::move(code)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

absl::StatusOr<Regex> Regex::FromPcre2(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_unique<Code>();
  code->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_NO_AUTO_CAPTURE, &error, &offset,
                                 nullptr));
  if (code->code == nullptr) return InvalidField("pattern", Quoted(pattern), "one that compiles");
  // Where code may not be generated at run time the interpreter does the same, more slowly.
  pcre2_jit_compile(code->code.get(), PCRE2_JIT_COMPLETE);
  // The default limit would cut long runs.
  code->limits = MakeContext(std::numeric_limits<uint32_t>::max());
  return Regex(std::move(code));
}

absl::StatusOr<Regex> Regex::Create(absl::string_view pattern) {
  STEER_ASSIGN_OR_RETURN(const std::string translated, ToPcre2(pattern));
  absl::StatusOr<Regex> regex = FromPcre2(translated);
  if (!regex.ok()) return Refusal(pattern, "which does not compile");
  uint32_t matches_empty = 0;
  pcre2_pattern_info(regex->code_->code.get(), PCRE2_INFO_MATCHEMPTY, &matches_empty);
  if (matches_empty != 0) return Refusal(pattern, "which can match nothing");
  if (!regex->code_->IsLinear()) return Refusal(pattern, "which goes back too far");
  return regex;
}

void Regex::ForEach(absl::string_view text, absl::FunctionRef<void(ByteSpan)> match) const {
  const MatchData data(pcre2_match_data_create(1, nullptr));
  STEER_CHECK(data != nullptr);
  const PCRE2_SIZE* const span = pcre2_get_ovector_pointer(data.get());
  for (size_t at = 0; at < text.size(); at = span[1]) {
    int found = code_->Match(text, at, 0, data.get(), code_->limits.get());
    // Generated code has a small stack of its own; the interpreter takes what it needs.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
      found = code_->Match(text, at, PCRE2_NO_JIT, data.get(), code_->limits.get());
    }
    if (found == PCRE2_ERROR_NOMATCH) return;
    STEER_CHECK(found >= 0);
    match({span[0], span[1]});
  }
}

}  // namespace steer

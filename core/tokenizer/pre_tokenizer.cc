#include "core/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/check.h"
#include "core/tokenizer/character_classes.h"

namespace steer {
namespace {

using Behavior = PreTokenizer::Behavior;
using Split = PreTokenizer::Split;

struct Part {
  ByteSpan span;
  bool is_match;
};

// The text's matches and what lies between them; together they are the text.
std::vector<Part> PartsOf(absl::string_view text, const Split& split) {
  std::vector<Part> parts;
  size_t at = 0;
  const auto match = [&](ByteSpan span) {
    if (span.begin > at) parts.push_back({{at, span.begin}, split.invert});
    parts.push_back({span, !split.invert});
    at = span.end;
  };
  if (const auto* regex = std::get_if<Regex>(&split.pattern)) {
    regex->ForEach(text, match);
  } else {
    const std::string& literal = std::get<std::string>(split.pattern);
    for (size_t begin = 0; !literal.empty();) {
      begin = text.find(literal, begin);
      if (begin == absl::string_view::npos) break;
      match({begin, begin + literal.size()});
      begin += literal.size();
    }
  }
  if (at < text.size()) parts.push_back({{at, text.size()}, split.invert});
  return parts;
}

// Of several matches in a row, only the first is merged with what stands before it, and only the
// last with what comes behind.
std::vector<ByteSpan> Merge(const std::vector<Part>& parts, Behavior behavior) {
  std::vector<ByteSpan> spans;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto [span, is_match] = parts[i];
    const bool follows_match = i > 0 && parts[i - 1].is_match;
    bool joins = false;
    switch (behavior) {
      case Behavior::kRemoved:
        if (is_match) continue;
        break;
      case Behavior::kIsolated:
        break;
      case Behavior::kMergedWithPrevious:
        joins = i > 0 && is_match && !follows_match;
        break;
      case Behavior::kMergedWithNext:
        joins = i > 0 && !is_match && follows_match;
        break;
      case Behavior::kContiguous:
        joins = i > 0 && is_match == follows_match;
        break;
    }
    if (joins) {
      spans.back().end = span.end;
    } else {
      spans.push_back(span);
    }
  }
  return spans;
}

void Apply(const Split& split, absl::string_view text,
           absl::FunctionRef<void(absl::string_view)> piece) {
  const auto* const regex = std::get_if<Regex>(&split.pattern);
  if (regex == nullptr || split.behavior != Behavior::kIsolated) {
    for (const ByteSpan& span : Merge(PartsOf(text, split), split.behavior)) {
      piece(text.substr(span.begin, span.end - span.begin));
    }
    return;
  }
  // The same, for the common case without lists.
  size_t at = 0;
  regex->ForEach(text, [&](ByteSpan span) {
    if (span.begin > at) piece(text.substr(at, span.begin - at));
    piece(text.substr(span.begin, span.end - span.begin));
    at = span.end;
  });
  if (at < text.size()) piece(text.substr(at));
}

std::string Apply(const PreTokenizer::Metaspace& stage, absl::string_view text, bool at_start) {
  using Prepend = PreTokenizer::Metaspace::Prepend;
  std::string replaced = absl::StrReplaceAll(text, {{" ", stage.replacement}});
  const bool prepends =
      stage.prepend == Prepend::kAlways || (stage.prepend == Prepend::kFirst && at_start);
  if (prepends && !absl::StartsWith(replaced, stage.replacement)) {
    replaced.insert(0, stage.replacement);
  }
  return replaced;
}

Split Isolate(absl::StatusOr<Regex> regex) {
  STEER_CHECK(regex.ok());  // the patterns below are ours
  return {*std::move(regex)};
}

}  // namespace

void PreTokenizer::Run(absl::string_view text, bool at_start, Sink piece) const {
  RunFrom(0, text, at_start, piece);
}

void PreTokenizer::RunFrom(size_t stage, absl::string_view text, bool at_start, Sink piece) const {
  if (text.empty()) return;
  if (stage == stages_.size()) {
    piece(text);
    return;
  }
  if (const auto* split = std::get_if<Split>(&stages_[stage])) {
    if (stage + 1 == stages_.size()) {
      Apply(*split, text, piece);
      return;
    }
    Apply(*split, text, [&](absl::string_view part) {
      RunFrom(stage + 1, part, at_start && part.data() == text.data(), piece);
    });
  } else if (const auto* metaspace = std::get_if<Metaspace>(&stages_[stage])) {
    RunFrom(stage + 1, steer::Apply(*metaspace, text, at_start), at_start, piece);
  } else if (text[0] == ' ') {
    RunFrom(stage + 1, text, at_start, piece);
  } else {
    RunFrom(stage + 1, absl::StrCat(" ", text), at_start, piece);
  }
}

Split SplitOnGpt2Pattern() {
  return Isolate(Regex::Create(
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"));
}

Split SplitOnDigits(bool individual) {
  return Isolate(Regex::FromPcre2(absl::StrCat("[", DigitMembers(), individual ? "]" : "]+")));
}

Split SplitOnDigitsAndGpt2Pattern() {
  // No piece holds a digit and something else, and white space before a digit is like white space
  // at the end.
  return Isolate(Regex::FromPcre2(absl::StrReplaceAll(
      "[{D}]|'s|'t|'re|'ve|'m|'ll|'d| ?[{L}]+| ?[^{S}{L}{D}]+|[{S}]+(?![^{S}{D}])|[{S}]+",
      {{"{D}", DigitMembers()}, {"{L}", *MembersOf("L")}, {"{S}", WhiteSpaceMembers()}})));
}

}  // namespace steer

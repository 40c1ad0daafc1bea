#include "core/tokenizer/chatml.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr char kField[] = "tokenizer.chat_template";

// Every word that may stand in the code of a ChatML template. Those of the last line belong to
// tools, whose branches are not taken in a conversation without any.
constexpr absl::string_view kWords[] = {
    "for",     "in",       "endfor",   "if",        "elif",       "else",
    "endif",   "set",      "and",      "or",        "not",        "is",
    "defined", "true",     "false",    "none",      "loop",       "first",
    "index0",  "message",  "messages", "role",      "content",    "add_generation_prompt",
    "tools",   "tool",     "tojson",   "tool_call", "tool_calls", "function",
    "name",    "arguments"};

absl::Status NotChatMl(absl::string_view got) {
  return FieldError(
      absl::StatusCode::kUnimplemented,
      {"UNKNOWN_CHAT_TEMPLATE", kField, std::string(got),
       "a ChatML template (<|im_start|>role, newline, content, <|im_end|>, newline); raw prompts "
       "work with any model"});
}

// What a template consists of.
struct Parts {
  std::vector<std::string> literals;  // string literals in tags, escapes resolved
  std::vector<std::string> words;     // names and keywords in tags
};

// Takes a string literal off the front of `rest`.
absl::StatusOr<std::string> TakeLiteral(absl::string_view* rest) {
  const char quote = rest->front();
  std::string literal;
  for (size_t at = 1; at < rest->size(); ++at) {
    const char c = (*rest)[at];
    if (c == quote) {
      rest->remove_prefix(at + 1);
      return literal;
    }
    if (c != '\\' || at + 1 == rest->size()) {
      literal.push_back(c);
      continue;
    }
    const char escaped = (*rest)[++at];
    if (escaped == 'n') {
      literal.push_back('\n');
    } else if (escaped == 't') {
      literal.push_back('\t');
    } else if (escaped == '\\' || escaped == '\'' || escaped == '"') {
      literal.push_back(escaped);
    } else {
      return NotChatMl(absl::StrCat("the escape '\\", std::string(1, escaped), "'"));
    }
  }
  return NotChatMl("a string without its end");
}

bool IsWordCharacter(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// Takes the inside of a tag and its closing `close` off the front of `rest`.
absl::Status TakeTag(absl::string_view close, absl::string_view* rest, Parts* parts) {
  while (!absl::StartsWith(*rest, close)) {
    if (rest->empty()) return NotChatMl(absl::StrCat("a tag without '", close, "'"));
    if (rest->front() == '\'' || rest->front() == '"') {
      STEER_ASSIGN_OR_RETURN(std::string literal, TakeLiteral(rest));
      parts->literals.push_back(std::move(literal));
    } else if (IsWordCharacter(rest->front())) {
      const auto* const end = std::find_if_not(rest->begin(), rest->end(), IsWordCharacter);
      const auto length = static_cast<size_t>(end - rest->begin());
      parts->words.emplace_back(rest->substr(0, length));
      rest->remove_prefix(length);
    } else {
      rest->remove_prefix(1);
    }
  }
  rest->remove_prefix(close.size());
  return absl::OkStatus();
}

absl::StatusOr<Parts> TakeApart(absl::string_view rest) {
  Parts parts;
  absl::string_view closed_by;  // how the tag before the text at `rest` ended
  bool trims_next = false;
  while (!rest.empty()) {
    const size_t open = std::min({rest.find("{{"), rest.find("{%"), rest.find("{#"), rest.size()});
    absl::string_view text = rest.substr(0, open);
    rest.remove_prefix(open);
    const bool is_block = absl::StartsWith(rest, "{%");
    // Jinja's rules of white space with trim_blocks and lstrip_blocks, as the reference sets them.
    if (trims_next) text = absl::StripLeadingAsciiWhitespace(text);
    if (closed_by == "%}" && absl::StartsWith(text, "\n")) text.remove_prefix(1);
    if (rest.size() > 2 && rest[2] == '-') text = absl::StripTrailingAsciiWhitespace(text);
    if (is_block) text = text.substr(0, text.find_last_not_of(" \t") + 1);
    if (!text.empty()) return NotChatMl(absl::StrCat("the text '", text, "' outside of any tag"));
    if (rest.empty()) break;
    closed_by = is_block ? "%}" : absl::StartsWith(rest, "{{") ? "}}" : "#}";
    const absl::string_view tag = rest;
    rest.remove_prefix(2);
    if (closed_by == "#}") {
      rest.remove_prefix(std::min(rest.find("#}"), rest.size()));
      rest.remove_prefix(std::min<size_t>(2, rest.size()));
    } else {
      STEER_RETURN_IF_ERROR(TakeTag(closed_by, &rest, &parts));
    }
    trims_next = absl::EndsWith(tag.substr(0, tag.size() - rest.size() - 2), "-");
  }
  return parts;
}

// Only ChatML's own special tokens may be written.
absl::Status CheckLiteral(absl::string_view literal, const Tokenizer& tokenizer) {
  for (const TokenId token : tokenizer.Encode(literal, /*parse_special=*/true)) {
    const std::string spelling = tokenizer.Bytes(token, /*with_special=*/true);
    if (!tokenizer.IsSpecial(token) || spelling == kChatMlStart || spelling == kChatMlEnd) continue;
    return NotChatMl(absl::StrCat("the special token ", spelling));
  }
  return absl::OkStatus();
}

std::string DefaultSystemIn(const std::vector<std::string>& literals) {
  const std::string opening = absl::StrCat(kChatMlStart, "system\n");
  for (const absl::string_view literal : literals) {
    if (!absl::StartsWith(literal, opening)) continue;
    const size_t end = literal.find(kChatMlEnd);
    if (end == absl::string_view::npos) continue;
    return std::string(literal.substr(opening.size(), end - opening.size()));
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> RecogniseChatMl(absl::string_view chat_template,
                                            const Tokenizer& tokenizer) {
  STEER_ASSIGN_OR_RETURN(const Parts parts, TakeApart(chat_template));
  for (const std::string& word : parts.words) {
    const bool is_number = std::all_of(word.begin(), word.end(), absl::ascii_isdigit);
    if (is_number || std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords)) {
      continue;
    }
    return NotChatMl(absl::StrCat("the word '", word, "'"));
  }
  for (const std::string& literal : parts.literals) {
    STEER_RETURN_IF_ERROR(CheckLiteral(literal, tokenizer));
  }
  const std::string written = absl::StrJoin(parts.literals, "");
  for (const std::string& needed :
       {absl::StrCat(kChatMlEnd, "\n"), absl::StrCat(kChatMlStart, "assistant\n")}) {
    if (!absl::StrContains(written, needed)) {
      return NotChatMl(absl::StrCat("a template that never writes '", needed, "'"));
    }
  }
  return DefaultSystemIn(parts.literals);
}

}  // namespace steer

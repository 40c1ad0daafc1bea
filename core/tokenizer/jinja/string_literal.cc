#include "core/tokenizer/jinja/string_literal.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/lexer.h"

namespace steer::jinja {
namespace {

void AppendUtf8(uint32_t code, std::string* text) {
  const auto continuation = [&](uint32_t shift) {
    text->push_back(static_cast<char>(0x80U | (code >> shift & 0x3FU)));
  };
  if (code < 0x80) {
    text->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    text->push_back(static_cast<char>(0xC0U | code >> 6U));
    continuation(0);
  } else if (code < 0x10000) {
    text->push_back(static_cast<char>(0xE0U | code >> 12U));
    continuation(6);
    continuation(0);
  } else {
    text->push_back(static_cast<char>(0xF0U | code >> 18U));
    continuation(12);
    continuation(6);
    continuation(0);
  }
}

// The code point that `digits` spell in hexadecimal.
absl::StatusOr<uint32_t> HexCode(absl::string_view digits, size_t wanted, int line) {
  uint32_t code = 0;
  if (digits.size() != wanted || !std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit) ||
      !absl::SimpleHexAtoi(digits, &code)) {
    return SyntaxError(line, "an escape without its hexadecimal digits");
  }
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    return Unsupported(line, "an escape that is no character");
  }
  return code;
}

// The escape that begins at `rest`, behind its backslash, is appended; its length is the result.
absl::StatusOr<size_t> TakeEscape(absl::string_view rest, int line, std::string* text) {
  static constexpr absl::string_view kNames = "ntrabfv\\'\"";
  static constexpr absl::string_view kCharacters = "\n\t\r\a\b\f\v\\'\"";
  const char c = rest[0];
  if (c == '\n') return 1;  // the line goes on
  if (const size_t at = kNames.find(c); at != absl::string_view::npos) {
    text->push_back(kCharacters[at]);
    return 1;
  }
  if (c == 'x' || c == 'u' || c == 'U') {
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    STEER_ASSIGN_OR_RETURN(const uint32_t code, HexCode(rest.substr(1, digits), digits, line));
    AppendUtf8(code, text);
    return 1 + digits;
  }
  if (absl::ascii_isdigit(c) || c == 'N' || static_cast<unsigned char>(c) >= 0x80) {
    return Unsupported(line, absl::StrCat("an octal or named escape in a string"));
  }
  text->push_back('\\');  // an unknown escape is none
  text->push_back(c);
  return 1;
}

}  // namespace

absl::StatusOr<std::string> UnescapeLiteral(absl::string_view literal, int line) {
  std::string text;
  while (!literal.empty()) {
    const char c = literal[0];
    literal.remove_prefix(1);
    if (c != '\\') {
      text.push_back(c);
      continue;
    }
    STEER_ASSIGN_OR_RETURN(const size_t length, TakeEscape(literal, line, &text));
    literal.remove_prefix(length);
  }
  return text;
}

}  // namespace steer::jinja

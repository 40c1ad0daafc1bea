#include "client/steerctl/terminal.h"

#include <unistd.h>

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace steer {
namespace {

bool IsContinuation(char byte) {
  const auto value = static_cast<uint8_t>(byte);
  return value >= 0x80 && value < 0xC0;
}

// Length of the UTF-8 character at the start of `text` (not empty), 0 if there is none. Overlong
// forms and surrogates are not told apart from good ones: terminals show those as U+FFFD.
size_t CharacterLength(absl::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xC2 && lead < 0xE0 ? 2
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xF0 && lead < 0xF5 ? 4
                                                      : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  return length;
}

bool IsControl(absl::string_view character) {
  const auto lead = static_cast<uint8_t>(character[0]);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7F;
  return character.size() == 2 && lead == 0xC2 && static_cast<uint8_t>(character[1]) < 0xA0;
}

void AppendHex(std::string& out, char byte) {
  absl::StrAppend(&out, "\\x", absl::Hex(static_cast<uint8_t>(byte), absl::kZeroPad2));
}

}  // namespace

std::string EscapeControls(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    const absl::string_view character = text.substr(0, length == 0 ? 1 : length);
    if (character == "\r") {
      out += "\\r";
    } else if (length == 0 || (IsControl(character) && character != "\n" && character != "\t")) {
      for (const char byte : character) AppendHex(out, byte);
    } else {
      absl::StrAppend(&out, character);
    }
    text.remove_prefix(character.size());
  }
  return out;
}

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  for (const char byte : text) width += IsContinuation(byte) ? 0 : 1;
  return width;
}

bool StdoutIsTerminal() { return isatty(STDOUT_FILENO) == 1; }
bool StderrIsTerminal() { return isatty(STDERR_FILENO) == 1; }

std::string ForStdout(absl::string_view text) {
  return StdoutIsTerminal() ? EscapeControls(text) : std::string(text);
}

std::string ForStderr(absl::string_view text) {
  return StderrIsTerminal() ? EscapeControls(text) : std::string(text);
}

}  // namespace steer

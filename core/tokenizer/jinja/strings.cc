#include "core/tokenizer/jinja/strings.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace steer::jinja {
namespace {

// White space beyond ASCII: U+0085, 00A0, 1680, 2000-200A, 2028, 2029, 202F, 205F, 3000.
constexpr absl::string_view kSpaces[] = {
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
// Ends of lines for splitlines, "\r\n" before "\r".
constexpr absl::string_view kLineEnds[] = {"\r\n",     "\n",           "\r",          "\v",
                                           "\f",       "\x1C",         "\x1D",        "\x1E",
                                           "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};

bool IsAsciiSpace(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F);
}
bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }
bool BeginsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }

size_t CharacterAt(absl::string_view bytes, size_t at) {
  size_t end = at + 1;
  while (end < bytes.size() && !BeginsCharacter(bytes[end])) ++end;
  return end - at;
}

size_t CharacterBefore(absl::string_view bytes, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && !BeginsCharacter(bytes[begin])) --begin;
  return end - begin;
}

bool HasCharacter(absl::string_view characters, absl::string_view wanted) {
  for (size_t at = 0; at < characters.size();) {
    const size_t length = CharacterAt(characters, at);
    if (characters.substr(at, length) == wanted) return true;
    at += length;
  }
  return false;
}

absl::Status CheckAscii(const Text& text, absl::string_view what) {
  if (std::all_of(text.bytes().begin(), text.bytes().end(), IsAscii)) return absl::OkStatus();
  return absl::UnimplementedError(std::string(what) + " of letters beyond ASCII");
}

}  // namespace

size_t SpaceAt(absl::string_view bytes, size_t at) {
  if (at >= bytes.size()) return 0;
  if (IsAscii(bytes[at])) return IsAsciiSpace(bytes[at]) ? 1 : 0;
  for (const absl::string_view space : kSpaces) {
    if (absl::StartsWith(bytes.substr(at), space)) return space.size();
  }
  return 0;
}

size_t SpaceBefore(absl::string_view bytes, size_t end) {
  if (end == 0) return 0;
  if (IsAscii(bytes[end - 1])) return IsAsciiSpace(bytes[end - 1]) ? 1 : 0;
  for (const absl::string_view space : kSpaces) {
    if (absl::EndsWith(bytes.substr(0, end), space)) return space.size();
  }
  return 0;
}

std::vector<size_t> CharacterStarts(absl::string_view bytes) {
  std::vector<size_t> starts;
  for (size_t at = 0; at < bytes.size(); at += CharacterAt(bytes, at)) starts.push_back(at);
  return starts;
}

size_t CountCharacters(absl::string_view bytes) {
  size_t count = 0;
  for (size_t at = 0; at < bytes.size(); at += CharacterAt(bytes, at)) ++count;
  return count;
}

Text Strip(const Text& text, Side side, const std::optional<std::string>& characters) {
  const absl::string_view bytes = text.bytes();
  size_t begin = 0;
  size_t end = bytes.size();
  while (side != Side::kRight && begin < end) {
    const size_t length = characters ? CharacterAt(bytes, begin) : SpaceAt(bytes, begin);
    if (length == 0) break;
    if (characters && !HasCharacter(*characters, bytes.substr(begin, length))) break;
    begin += length;
  }
  while (side != Side::kLeft && begin < end) {
    const size_t length = characters ? CharacterBefore(bytes, end) : SpaceBefore(bytes, end);
    if (length == 0) break;
    if (characters && !HasCharacter(*characters, bytes.substr(end - length, length))) break;
    end -= length;
  }
  return text.Part(begin, end);
}

std::vector<Text> SplitAt(const Text& text, absl::string_view separator, int64_t limit) {
  const absl::string_view bytes = text.bytes();
  std::vector<Text> parts;
  size_t begin = 0;
  while (limit < 0 || static_cast<int64_t>(parts.size()) < limit) {
    const size_t found = bytes.find(separator, begin);
    if (found == absl::string_view::npos) break;
    parts.push_back(text.Part(begin, found));
    begin = found + separator.size();
  }
  parts.push_back(text.Part(begin, bytes.size()));
  return parts;
}

std::vector<Text> SplitAtSpace(const Text& text, int64_t limit) {
  const absl::string_view bytes = text.bytes();
  std::vector<Text> parts;
  size_t at = 0;
  while (true) {
    while (const size_t space = SpaceAt(bytes, at)) at += space;
    if (at == bytes.size()) return parts;
    size_t end = at;
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      end = bytes.size();
      while (const size_t space = SpaceBefore(bytes, end)) end -= space;
      parts.push_back(text.Part(at, end));
      return parts;
    }
    while (end < bytes.size() && SpaceAt(bytes, end) == 0) end += CharacterAt(bytes, end);
    parts.push_back(text.Part(at, end));
    at = end;
  }
}

std::vector<Text> SplitLines(const Text& text) {
  const absl::string_view bytes = text.bytes();
  std::vector<Text> lines;
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    const auto* const end = std::find_if(
        std::begin(kLineEnds), std::end(kLineEnds),
        [&](absl::string_view line_end) { return absl::StartsWith(bytes.substr(at), line_end); });
    if (end == std::end(kLineEnds)) {
      ++at;
      continue;
    }
    lines.push_back(text.Part(begin, at));
    at += end->size();
    begin = at;
  }
  if (begin < bytes.size()) lines.push_back(text.Part(begin, bytes.size()));
  return lines;
}

absl::StatusOr<Text> Replace(const Text& text, const Text& old, const Text& by, int64_t limit,
                             Budget& budget) {
  const absl::string_view bytes = text.bytes();
  if (absl::Status status = budget.SpendSearch(bytes.size(), old.size()); !status.ok()) {
    return status;
  }
  Text result;
  size_t begin = 0;
  size_t from = 0;
  for (int64_t count = 0; limit < 0 || count < limit; ++count) {
    const size_t found =
        from > bytes.size() ? absl::string_view::npos : bytes.find(old.bytes(), from);
    if (found == absl::string_view::npos) break;
    result.AppendPart(text, begin, found);
    result.Append(by);
    if (absl::Status status = budget.Spend(1); !status.ok()) return status;
    if (absl::Status status = budget.SpendBytes(by.size()); !status.ok()) return status;
    if (result.size() > Budget::kLongestText) return budget.SpendBytes(result.size());
    begin = found + old.size();
    // An empty one is found before every character and at the end.
    from = !old.empty()           ? begin
           : found < bytes.size() ? found + CharacterAt(bytes, found)
                                  : bytes.size() + 1;
  }
  result.AppendPart(text, begin, bytes.size());
  return result;
}

absl::StatusOr<Text> WithCase(const Text& text, Case letter_case) {
  if (absl::Status status = CheckAscii(text, "changing the case"); !status.ok()) return status;
  std::string bytes = text.bytes();
  bool in_word = false;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const bool upper = letter_case == Case::kUpper || (letter_case == Case::kTitle && !in_word) ||
                       (letter_case == Case::kCapitalize && at == 0);
    in_word = absl::ascii_isalpha(bytes[at]);
    bytes[at] = upper ? absl::ascii_toupper(bytes[at]) : absl::ascii_tolower(bytes[at]);
  }
  return text.WithBytes(std::move(bytes));
}

absl::StatusOr<Text> TitleFilter(const Text& text) {
  if (absl::Status status = CheckAscii(text, "changing the case"); !status.ok()) return status;
  std::string bytes = text.bytes();
  bool begins = true;
  for (char& byte : bytes) {
    const bool separates = IsAsciiSpace(byte) || absl::StrContains("-({[<", std::string(1, byte));
    byte = begins ? absl::ascii_toupper(byte) : absl::ascii_tolower(byte);
    begins = separates;
  }
  return text.WithBytes(std::move(bytes));
}

}  // namespace steer::jinja

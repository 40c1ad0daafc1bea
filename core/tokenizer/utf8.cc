#include "core/tokenizer/utf8.h"

#include <cstdint>
#include <cstring>

namespace steer {
namespace {

// What may follow a lead byte: how many bytes in all, and the range of the second one, which is
// where overlong forms, surrogates and values above U+10FFFF are told apart.
struct Lead {
  size_t length = 1;  // 1: no character of several bytes starts like this
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xBF;
};

Lead LeadOf(uint8_t byte) {
  if (byte < 0xC2 || byte > 0xF4) return {};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {4};
}

bool IsWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

size_t AsciiPrefix(absl::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  size_t at = 0;
  for (uint64_t word = 0; at + sizeof(word) <= text.size(); at += sizeof(word)) {
    std::memcpy(&word, text.data() + at, sizeof(word));
    if ((word & kHighBits) != 0) break;
  }
  while (at < text.size() && static_cast<uint8_t>(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace

Utf8Chunk NextUtf8(absl::string_view text) {
  const auto byte_at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte_at(0) < 0x80) return {Utf8Chunk::Kind::kCharacter, 1};
  const Lead lead = LeadOf(byte_at(0));
  if (lead.length == 1) return {Utf8Chunk::Kind::kInvalid, 1};
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == text.size()) return {Utf8Chunk::Kind::kIncomplete, i};
    const uint8_t min = i == 1 ? lead.second_min : 0x80;
    const uint8_t max = i == 1 ? lead.second_max : 0xBF;
    if (byte_at(i) < min || byte_at(i) > max) return {Utf8Chunk::Kind::kInvalid, i};
  }
  return {Utf8Chunk::Kind::kCharacter, lead.length};
}

std::optional<size_t> FirstInvalidUtf8(absl::string_view text) {
  size_t at = 0;
  while (true) {
    at += AsciiPrefix(text.substr(at));
    if (at == text.size()) return std::nullopt;
    const Utf8Chunk chunk = NextUtf8(text.substr(at));
    if (chunk.kind != Utf8Chunk::Kind::kCharacter) return at;
    at += chunk.length;
  }
}

char32_t CodePoint(absl::string_view character) {
  constexpr uint8_t kLeadBits[] = {0x7F, 0x1F, 0x0F, 0x07};
  char32_t code = static_cast<uint8_t>(character[0]) & kLeadBits[character.size() - 1];
  for (const char byte : character.substr(1)) {
    code = code << 6U | (static_cast<uint8_t>(byte) & 0x3FU);
  }
  return code;
}

size_t SkipWhiteSpace(absl::string_view text, size_t from) {
  while (from < text.size()) {
    const size_t length = NextUtf8(text.substr(from)).length;
    if (!IsWhiteSpace(CodePoint(text.substr(from, length)))) break;
    from += length;
  }
  return from;
}

size_t BackOverWhiteSpace(absl::string_view text, size_t from) {
  while (from > 0) {
    size_t begin = from - 1;
    while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0U) == 0x80) --begin;
    if (!IsWhiteSpace(CodePoint(text.substr(begin, from - begin)))) break;
    from = begin;
  }
  return from;
}

void AppendValidUtf8(absl::string_view text, std::string* valid) {
  while (!text.empty()) {
    const Utf8Chunk chunk = NextUtf8(text);
    if (chunk.kind == Utf8Chunk::Kind::kCharacter) {
      valid->append(text.data(), chunk.length);
    } else {
      valid->append("\xEF\xBF\xBD");
    }
    text.remove_prefix(chunk.length);
  }
}

}  // namespace steer

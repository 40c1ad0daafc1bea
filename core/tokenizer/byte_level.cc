#include "core/tokenizer/byte_level.h"

#include <array>

#include "core/tokenizer/utf8.h"

namespace steer {
namespace {

constexpr int kAlphabetEnd = 0x100 + 68;  // 68 bytes are not printable Latin-1

struct Alphabet {
  std::array<uint32_t, 256> character_of;
  std::array<int, kAlphabetEnd> byte_of;  // -1 outside the alphabet
};

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet{};
  alphabet.byte_of.fill(-1);
  uint32_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    const uint32_t character = printable ? byte : next++;
    alphabet.character_of[byte] = character;
    alphabet.byte_of[character] = static_cast<int>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

}  // namespace

std::string ByteLevelSpelling(uint8_t byte) {
  const uint32_t character = kAlphabet.character_of[byte];
  if (character < 0x80) return std::string(1, static_cast<char>(character));
  return {static_cast<char>(0xC0U | character >> 6U),
          static_cast<char>(0x80U | (character & 0x3FU))};
}

std::string BytesOfSpelling(absl::string_view spelling) {
  std::string bytes;
  for (absl::string_view rest = spelling; !rest.empty();) {
    const Utf8Chunk chunk = NextUtf8(rest);
    if (chunk.kind != Utf8Chunk::Kind::kCharacter) return std::string(spelling);
    const char32_t character = CodePoint(rest.substr(0, chunk.length));
    if (character >= kAlphabetEnd || kAlphabet.byte_of[character] < 0) return std::string(spelling);
    bytes.push_back(static_cast<char>(kAlphabet.byte_of[character]));
    rest.remove_prefix(chunk.length);
  }
  return bytes;
}

}  // namespace steer

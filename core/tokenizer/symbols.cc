#include "core/tokenizer/symbols.h"

#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "core/tokenizer/byte_level.h"
#include "core/tokenizer/utf8.h"

namespace steer {

std::optional<uint8_t> ByteOfSpelling(absl::string_view spelling) {
  if (spelling.size() != 6 || !absl::StartsWith(spelling, "<0x") || spelling[5] != '>') {
    return std::nullopt;
  }
  unsigned byte = 0;
  for (const char digit : spelling.substr(3, 2)) {
    if (!absl::ascii_isxdigit(digit)) return std::nullopt;
    byte = byte * 16 +
           (absl::ascii_isdigit(digit) ? digit - '0' : absl::ascii_tolower(digit) - 'a' + 10);
  }
  return static_cast<uint8_t>(byte);
}

Symbols::Symbols(const Vocabulary& vocabulary, const std::vector<bool>& ordinary)
    : rules_(vocabulary.symbols) {
  bytes_.fill(kNone);
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& spelling = vocabulary.tokens[id];
    const auto token = static_cast<TokenId>(id);
    if (spelling.empty() || (!ordinary[id] && vocabulary.kinds[id] != TokenKind::kByte)) continue;
    if (rules_.byte_level) {
      const std::string bytes = BytesOfSpelling(spelling);
      if (bytes.size() != 1) continue;
      const auto byte = static_cast<uint8_t>(bytes[0]);
      if (spelling == ByteLevelSpelling(byte)) bytes_[byte] = token;
    } else if (const std::optional<uint8_t> byte = ByteOfSpelling(spelling)) {
      bytes_[*byte] = token;
    } else if (const Utf8Chunk first = NextUtf8(spelling);
               first.kind == Utf8Chunk::Kind::kCharacter && first.length == spelling.size()) {
      characters_[CodePoint(spelling)] = token;
    }
  }
}

bool Symbols::AppendBytes(absl::string_view character, std::vector<TokenId>* tokens) const {
  for (const char byte : character) {
    if (bytes_[static_cast<uint8_t>(byte)] == kNone) return false;
  }
  for (const char byte : character) tokens->push_back(bytes_[static_cast<uint8_t>(byte)]);
  return true;
}

void Symbols::Append(absl::string_view piece, std::vector<TokenId>* tokens) const {
  bool after_unknown = false;
  while (!piece.empty()) {
    const size_t length = rules_.byte_level ? 1 : NextUtf8(piece).length;
    const absl::string_view symbol = piece.substr(0, length);
    piece.remove_prefix(length);
    const auto character =
        rules_.byte_level ? characters_.end() : characters_.find(CodePoint(symbol));
    bool found = character != characters_.end();
    if (found) {
      tokens->push_back(character->second);
    } else if (rules_.byte_level || rules_.byte_fallback) {
      found = AppendBytes(symbol, tokens);
    }
    if (!found && rules_.unknown && !(after_unknown && rules_.fuses_unknown)) {
      tokens->push_back(*rules_.unknown);
    }
    after_unknown = !found;
  }
}

}  // namespace steer

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/tokenizer/tokenizer.h"

namespace steer {

// The smallest real tokenizer: ids 0..255 are the bytes, 256 is the end token, and any further ids
// are the given byte strings. Encode uses bytes only.
class ByteTokenizer final : public Tokenizer {
 public:
  static constexpr TokenId kEnd = 256;

  explicit ByteTokenizer(std::vector<std::string> pieces = {}) : pieces_(std::move(pieces)) {}

  std::vector<TokenId> Encode(absl::string_view text, bool /*parse_special*/) const override {
    std::vector<TokenId> tokens;
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }

  std::vector<TokenId> EncodeRendered(absl::string_view text,
                                      const std::vector<ByteSpan>& /*foreign*/) const override {
    return Encode(text, /*parse_special=*/true);
  }

  std::string Bytes(TokenId token, bool with_special) const override {
    if (token < 0 || token >= vocabulary_size()) return "";
    if (token < kEnd) return std::string(1, static_cast<char>(token));
    if (token == kEnd) return with_special ? "<end>" : "";
    return pieces_[token - kEnd - 1];
  }

  int vocabulary_size() const override { return kEnd + 1 + static_cast<int>(pieces_.size()); }
  bool IsSpecial(TokenId token) const override { return token == kEnd; }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  std::vector<TokenId> end_tokens() const override { return {kEnd}; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  std::vector<std::string> pieces_;
  std::string fingerprint_ = "bytes";
};

}  // namespace steer

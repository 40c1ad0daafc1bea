#pragma once

#include <random>
#include <string>
#include <vector>

#include "tests/support/byte_tokenizer.h"

namespace steer {

inline std::string RandomText(std::mt19937& random, int characters,
                              const std::vector<std::string>& alphabet) {
  std::string text;
  for (int i = 0; i < characters; ++i) text += alphabet[random() % alphabet.size()];
  return text;
}

// Up to three.
inline std::vector<std::string> RandomStops(std::mt19937& random,
                                            const std::vector<std::string>& alphabet) {
  std::vector<std::string> stops(random() % 4);
  for (std::string& stop : stops) {
    stop = RandomText(random, 1 + static_cast<int>(random() % 6), alphabet);
  }
  return stops;
}

// `text` cut into pieces of 1 to 12 bytes, each a token.
inline std::vector<std::string> RandomSplit(std::mt19937& random, const std::string& text) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size(); at += pieces.back().size()) {
    pieces.push_back(text.substr(at, 1 + random() % 12));
  }
  return pieces;
}

// The ids of a ByteTokenizer's own pieces, in order.
inline std::vector<TokenId> PieceTokens(const std::vector<std::string>& pieces) {
  std::vector<TokenId> tokens;
  for (size_t i = 0; i < pieces.size(); ++i) {
    tokens.push_back(ByteTokenizer::kEnd + 1 + static_cast<TokenId>(i));
  }
  return tokens;
}

}  // namespace steer

#pragma once

#include <string>
#include <vector>

#include "core/tokenizer/tokenizer.h"

namespace steer {

// Turns a growing list of tokens into text, and only ever emits whole, valid UTF-8: the bytes of a
// character that is not complete wait for the next token, bytes that can never become valid are
// replaced by U+FFFD, as the reference does. Not thread-safe.
class Detokenizer {
 public:
  // `tokenizer` must outlive this.
  explicit Detokenizer(const Tokenizer* tokenizer) : tokenizer_(tokenizer) {}

  // The text that `token` completes; may be empty. Special tokens give no text.
  std::string Append(TokenId token);
  // What is still waiting, made valid. The detokenizer is then empty.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  std::string pending_;  // the beginning of a character: at most three bytes
};

// All of `tokens` at once: the same text as one Detokenizer gives piece by piece.
std::string Detokenize(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens,
                       bool with_special);

}  // namespace steer

#pragma once

#include <string>
#include <vector>

#include "core/tokenizer/tokenizer.h"

namespace steer {

// Turns a growing list of tokens into text, and only ever emits whole, valid UTF-8: the bytes of a
// character that is not complete wait for the next token, bytes that can never become valid are
// replaced by U+FFFD, as the reference does. The text is one of its own, not the continuation of
// another. Not thread-safe.
class Detokenizer {
 public:
  // `tokenizer` must outlive this.
  explicit Detokenizer(const Tokenizer* tokenizer) : tokenizer_(tokenizer) {}

  // The text that `token` completes; may be empty. Special tokens give no text.
  std::string Append(TokenId token);
  // What is still waiting, made valid. The detokenizer then begins a new text.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  bool at_start_ = true;  // no token has given bytes yet
  std::string pending_;   // the beginning of a character: at most three bytes
};

// All of `tokens` at once: the same text as one Detokenizer gives piece by piece.
std::string Detokenize(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens,
                       bool with_special);

}  // namespace steer

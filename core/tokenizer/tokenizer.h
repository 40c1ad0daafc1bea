#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/types.h"
#include "core/files/gguf.h"
#include "core/files/model_folder.h"
#include "core/tokenizer/byte_span.h"

namespace steer {

// Text to token ids and back, as the model's own tokenizer file says. Immutable and thread-safe.
class Tokenizer {
 public:
  // UNIMPLEMENTED names a tokenizer model or pre-tokenizer this build does not know;
  // INVALID_ARGUMENT a broken table.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> FromGguf(const GgufFile& file);
  // From tokenizer.json, and tokenizer_config.json for what that leaves open. UNIMPLEMENTED names a
  // part (normalizer, pre-tokenizer, model, decoder) or an option of one that is not known.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> FromFolder(const ModelFolder& folder);
  virtual ~Tokenizer() = default;

  // `text` should be valid UTF-8 (its reader checks that); ill-formed sequences are read as U+FFFD.
  // With `parse_special`, spellings of special tokens in the text become those tokens, the longest
  // first, as in the text of a chat template; without it they are ordinary text, as in a user's
  // message. Tokens that a file adds but does not call special (runs of spaces, HTML tags) are
  // text and are found either way, unless they mark turns. What the vocabulary cannot write is
  // dropped or becomes its unknown token, as in the reference. No BOS is added.
  virtual std::vector<TokenId> Encode(absl::string_view text, bool parse_special) const = 0;

  // A rendered chat template, in valid UTF-8: as Encode with `parse_special`, but no special
  // spelling counts of which any byte lies in one of `foreign`, which are in order and apart: what
  // users wrote stays ordinary text. It may still merge with the template's text beside it, as in
  // the reference.
  virtual std::vector<TokenId> EncodeRendered(absl::string_view text,
                                              const std::vector<ByteSpan>& foreign) const = 0;

  // The raw bytes of one token; a UTF-8 character may be spread over several tokens. Special tokens
  // give their spelling if `with_special`, else nothing. Empty for ids out of range.
  virtual std::string Bytes(TokenId token, bool with_special) const = 0;

  // The same where the token is the first of a text that has any bytes: tokenizers that begin each
  // text with a space of their own take it off again.
  virtual std::string OpeningBytes(TokenId token, bool with_special) const {
    return Bytes(token, with_special);
  }

  virtual int vocabulary_size() const = 0;
  virtual bool IsSpecial(TokenId token) const = 0;  // control tokens; user-defined ones are text
  virtual std::optional<TokenId> bos() const = 0;   // none if the model adds none
  virtual std::vector<TokenId> end_tokens()
      const = 0;  // end of text and end of turn, whichever exist

  // SHA-256 of vocabulary, kinds of tokens, merges and what is done before merging; part of a
  // model's shape mark.
  virtual const std::string& fingerprint() const = 0;
};

}  // namespace steer

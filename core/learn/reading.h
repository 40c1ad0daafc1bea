#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/learn/extraction_params.h"
#include "core/signal/forced_text.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// Positions [begin, end) of a text, at least one.
struct TokenRange {
  int begin = 0;
  int end = 0;
};

// A text and which of its positions are read.
struct ReadText {
  ForcedText text;
  TokenRange read;
};

struct ReadPair {
  ReadText positive;
  ReadText negative;
};

// The positions whose activations are ordinary: none of the template's head, nor the first, whose
// norm is an outlier whatever it says.
TokenRange OrdinaryTokens(const ForcedText& text);

// What `reading` means in `text`, which ends with `answer`. Letters are found by characters, in
// whatever token they lie: tokenizers may merge "(A". INVALID_ARGUMENT about `field` for an answer
// that does not begin with the letter of an option where that is asked for.
absl::StatusOr<TokenRange> FindReading(Reading reading, const ForcedText& text,
                                       absl::string_view answer, const Tokenizer& tokenizer,
                                       const std::string& field);

}  // namespace steer

#include "core/learn/reading.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "core/analysis/answer_choice.h"
#include "core/base/quoted.h"
#include "core/base/status.h"

namespace steer {
namespace {

int Count(const ForcedText& text) { return static_cast<int>(text.tokens.size()); }

// The token that holds the answer's letter. Counted in bytes from the end of the text: before the
// answer stands what a template or a merge makes of the border, and templates may trim an answer.
std::optional<int> LetterToken(const ForcedText& text, absl::string_view answer,
                               const Tokenizer& tokenizer) {
  answer = absl::StripTrailingAsciiWhitespace(answer);
  const std::optional<size_t> letter = FindOptionLetter(answer);
  if (!letter) return std::nullopt;
  std::string bytes;
  for (int i = text.layout.prompt_length; i < Count(text); ++i)
    bytes += tokenizer.Bytes(text.tokens[i], /*with_special=*/true);
  absl::StripTrailingAsciiWhitespace(&bytes);
  const size_t from_end = answer.size() - *letter;
  if (from_end > bytes.size() || bytes[bytes.size() - from_end] != answer[*letter])
    return std::nullopt;
  size_t end = 0;
  for (int i = text.layout.prompt_length; i < Count(text); ++i) {
    end += tokenizer.Bytes(text.tokens[i], /*with_special=*/true).size();
    if (end > bytes.size() - from_end) return i;
  }
  return std::nullopt;
}

}  // namespace

TokenRange OrdinaryTokens(const ForcedText& text) {
  return {std::max(1, text.layout.head_length), Count(text)};
}

absl::StatusOr<TokenRange> FindReading(Reading reading, const ForcedText& text,
                                       absl::string_view answer, const Tokenizer& tokenizer,
                                       const std::string& field) {
  const int begin = text.layout.prompt_length, end = Count(text);
  switch (reading) {
    case Reading::kAnswerMean:
      return TokenRange{begin, end};
    case Reading::kAnswerFirst:
      return TokenRange{begin, begin + 1};
    case Reading::kAnswerLast:
      return TokenRange{end - 1, end};
    case Reading::kAnswerLetter: {
      const std::optional<int> letter = LetterToken(text, answer, tokenizer);
      if (letter) return TokenRange{*letter, *letter + 1};
      return InvalidField(field, Quoted(answer),
                          "an answer that begins with the letter of an option, such as '(A)'");
    }
    case Reading::kTextMean:
      return OrdinaryTokens(text);
    case Reading::kPromptLast:
      return TokenRange{begin - 1, begin};
  }
  return absl::InternalError("no such reading");
}

}  // namespace steer

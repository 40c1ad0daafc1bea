#include "core/learn/contrast_pair.h"

#include <algorithm>
#include <span>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace steer {
namespace {

std::span<const TokenId> AnswerOf(const ForcedText& text) {
  return std::span(text.tokens).subspan(static_cast<size_t>(text.layout.prompt_length));
}

}  // namespace

absl::Status CheckElsewhere(const std::vector<ContrastPair>& pairs) {
  for (size_t i = 0; i < pairs.size(); ++i) {
    const ContrastPair& pair = pairs[i];
    const std::string field = absl::StrCat("pairs[", i, "].negative_question");
    if (!pair.positive_elsewhere || !pair.negative_elsewhere)
      return InvalidField(field, "none", "one for cdas, which learns from pairs of questions");
    if (!std::ranges::equal(AnswerOf(pair.positive), AnswerOf(*pair.positive_elsewhere)) ||
        !std::ranges::equal(AnswerOf(pair.negative), AnswerOf(*pair.negative_elsewhere))) {
      return InvalidField(field, "one behind which an answer has other tokens",
                          "questions that leave answers as they are");
    }
  }
  return absl::OkStatus();
}

}  // namespace steer

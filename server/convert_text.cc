#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/analysis/answer_choice.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/convert.h"
#include "server/convert_parts.h"

namespace steer {
namespace {

absl::StatusOr<AnswerChoice> ToAnswerChoice(const v1::AnswerChoice& in, const std::string& field) {
  STEER_RETURN_IF_ERROR(CheckUtf8(field + ".matching", in.matching()));
  STEER_RETURN_IF_ERROR(CheckUtf8(field + ".not_matching", in.not_matching()));
  if (CanBeToldApart(in.matching(), in.not_matching()))
    return AnswerChoice{in.matching(), in.not_matching()};
  return InvalidField(field,
                      absl::StrCat(Quoted(in.matching()), " and ", Quoted(in.not_matching())),
                      "two options that differ in more than case and marks around them");
}

}  // namespace

absl::StatusOr<TextSpec> ToTextSpec(const v1::MeasureTextRequest& request) {
  TextSpec spec;
  STEER_RETURN_IF_ERROR(ReadQuestions(request, "", spec));
  STEER_ASSIGN_OR_RETURN(spec.controls, ToControlSpecs(request.controls(), /*with_changes=*/false));
  STEER_ASSIGN_OR_RETURN(spec.multipliers, ToMultipliers("multipliers", request.multipliers(), 0));
  if (spec.multipliers.empty()) spec.multipliers = {1.0};
  const v1::Sampling& sampling = request.sampling();
  if (sampling.stop_size() > 0 || sampling.log_probs() || sampling.top_log_probs() != 0 ||
      sampling.has_prompt_log_probs()) {
    return InvalidField("sampling", "stop strings or log-probabilities",
                        "none of them where texts are measured");
  }
  spec.sampling = ToSamplingSpec(sampling);
  if (!spec.sampling.max_tokens) spec.sampling.max_tokens = kDefaultTextTokens;
  if (request.choices_size() > 1 && request.choices_size() != request.questions_size()) {
    return InvalidField(
        "choices", absl::StrCat(request.choices_size()),
        absl::StrCat("none, one for all questions, or one for each of ", request.questions_size()));
  }
  for (int i = 0; i < request.choices_size(); ++i) {
    STEER_ASSIGN_OR_RETURN(spec.choices.emplace_back(),
                           ToAnswerChoice(request.choices(i), absl::StrCat("choices[", i, "]")));
  }
  return spec;
}

}  // namespace steer

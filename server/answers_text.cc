#include <optional>

#include "server/answers.h"

namespace steer {
namespace {

v1::TextMeasures ToProto(const TextMeasures& measures) {
  v1::TextMeasures out;
  out.set_words(measures.words);
  out.set_distinct_1(measures.distinct_1);
  out.set_distinct_2(measures.distinct_2);
  out.set_distinct_3(measures.distinct_3);
  out.set_entropy_2(measures.entropy_2);
  out.set_entropy_3(measures.entropy_3);
  out.set_fluency(measures.fluency);
  out.set_repetition(measures.repetition);
  return out;
}

v1::Chosen ToProto(Chosen chosen) {
  switch (chosen) {
    case Chosen::kMatching:
      return v1::CHOSE_MATCHING;
    case Chosen::kNotMatching:
      return v1::CHOSE_NOT_MATCHING;
    case Chosen::kNeither:
      return v1::CHOSE_NEITHER;
  }
  return v1::CHOSEN_UNSPECIFIED;
}

v1::ChoiceCounts ToProto(const ChoiceCounts& counts) {
  v1::ChoiceCounts out;
  out.set_matching(counts.matching);
  out.set_not_matching(counts.not_matching);
  out.set_neither(counts.neither);
  if (const std::optional<double> accuracy = counts.Accuracy()) out.set_accuracy(*accuracy);
  return out;
}

}  // namespace

v1::TextPoint ToProto(const TextPoint& point, bool omit_texts) {
  v1::TextPoint out;
  out.set_multiplier(point.multiplier);
  out.set_texts(static_cast<int>(point.texts.size()));
  if (point.plain_nll) out.set_plain_nll(*point.plain_nll);
  *out.mutable_measures() = ToProto(point.measures);
  if (point.choices) *out.mutable_choices() = ToProto(*point.choices);
  if (omit_texts) return out;
  for (const MeasuredText& text : point.texts) {
    v1::MeasuredText& copy = *out.add_samples();
    copy.set_question(text.question);
    copy.set_text(text.text);
    copy.set_tokens(text.tokens);
    if (text.plain_nll) copy.set_plain_nll(*text.plain_nll);
    *copy.mutable_measures() = ToProto(text.measures);
    if (text.chosen) copy.set_chosen(ToProto(*text.chosen));
  }
  return out;
}

v1::TextCheck ToProto(const TextCheck& check) {
  v1::TextCheck out;
  out.set_passed(check.passed);
  out.set_first_multiplier(check.first_multiplier);
  out.set_tried(check.tried);
  out.set_plain_nll(check.plain_nll);
  out.set_steered_nll(check.steered_nll);
  return out;
}

}  // namespace steer

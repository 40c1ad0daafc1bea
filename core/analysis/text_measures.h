#pragma once

#include <span>
#include <vector>

#include "absl/strings/string_view.h"

namespace steer {

// How a generated text reads, without a judge (paper 6): what steering breaks first is variety.
// Units are words, so that numbers compare between models of different tokenizers.

// Parts between white space (of ASCII: Chinese has none, and one word a sentence).
std::vector<absl::string_view> Words(absl::string_view text);

struct TextMeasures {
  int words = 0;
  // Distinct n-grams by words of the text, n = 1, 2, 3: near 1 for varied text, 0 for none.
  double distinct_1 = 0;
  double distinct_2 = 0;
  double distinct_3 = 0;
  // H_n = -sum p log2 p over the text's n-grams, in bits; grows with its length.
  double entropy_2 = 0;
  double entropy_3 = 0;
  // The weighting that EasyEdit2 reports as n-gram fluency: the mean of 2/3 H_2 and 4/3 H_3.
  double fluency = 0;
  // The share of 4-grams that came before in the same text: 0 for none, near 1 for a loop.
  double repetition = 0;
};
TextMeasures MeasureText(absl::string_view text);

// Each number's mean over texts (`words` rounded); all 0 for no text.
TextMeasures MeanOfTexts(std::span<const TextMeasures> texts);

}  // namespace steer

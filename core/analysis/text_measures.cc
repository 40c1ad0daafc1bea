#include "core/analysis/text_measures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

#include "absl/strings/ascii.h"

namespace steer {
namespace {

// How often each n-gram comes.
struct NGrams {
  NGrams(const std::vector<absl::string_view>& words, size_t n) {
    for (size_t i = 0; i + n <= words.size(); ++i) {
      ++counts[{words.begin() + i, words.begin() + i + n}];
      ++total;
    }
  }

  double Distinct(size_t words) const {
    return words == 0 ? 0 : static_cast<double>(counts.size()) / static_cast<double>(words);
  }

  double Entropy() const {
    double bits = 0;
    for (const auto& [gram, count] : counts) {
      const double share = static_cast<double>(count) / total;
      bits -= share * std::log2(share);
    }
    return bits;
  }

  double Repeated() const {
    return total == 0 ? 0 : 1 - static_cast<double>(counts.size()) / total;
  }

  std::map<std::vector<absl::string_view>, int> counts;
  int total = 0;
};

}  // namespace

std::vector<absl::string_view> Words(absl::string_view text) {
  const auto is_space = [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); };
  std::vector<absl::string_view> words;
  const auto* begin = text.begin();
  while (true) {
    begin = std::find_if_not(begin, text.end(), is_space);
    if (begin == text.end()) return words;
    const auto* const end = std::find_if(begin, text.end(), is_space);
    words.push_back(text.substr(begin - text.begin(), end - begin));
    begin = end;
  }
}

TextMeasures MeasureText(absl::string_view text) {
  const std::vector<absl::string_view> words = Words(text);
  const NGrams two(words, 2), three(words, 3);
  TextMeasures measures;
  measures.words = static_cast<int>(words.size());
  measures.distinct_1 = NGrams(words, 1).Distinct(words.size());
  measures.distinct_2 = two.Distinct(words.size());
  measures.distinct_3 = three.Distinct(words.size());
  measures.entropy_2 = two.Entropy();
  measures.entropy_3 = three.Entropy();
  measures.fluency = (2.0 / 3 * measures.entropy_2 + 4.0 / 3 * measures.entropy_3) / 2;
  measures.repetition = NGrams(words, 4).Repeated();
  return measures;
}

TextMeasures MeanOfTexts(std::span<const TextMeasures> texts) {
  TextMeasures mean;
  if (texts.empty()) return mean;
  const auto count = static_cast<double>(texts.size());
  double words = 0;
  for (const TextMeasures& text : texts) words += text.words / count;
  mean.words = static_cast<int>(std::lround(words));
  for (double TextMeasures::* const field :
       {&TextMeasures::distinct_1, &TextMeasures::distinct_2, &TextMeasures::distinct_3,
        &TextMeasures::entropy_2, &TextMeasures::entropy_3, &TextMeasures::fluency,
        &TextMeasures::repetition}) {
    for (const TextMeasures& text : texts) mean.*field += text.*field / count;
  }
  return mean;
}

}  // namespace steer

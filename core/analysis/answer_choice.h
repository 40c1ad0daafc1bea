#pragma once

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"

namespace steer {

// Which of two answers a generated text gives, read from how it begins: " Yes" or " No", "(A)" or
// "(B)". A reading of letters, without a judge: a text that says neither at its beginning, says
// both at once or says it in other words is kNeither, and how many are is told beside the rates.

// An option without what stands around it: white space, quotes, brackets, markdown, stops.
// "(A)" is "A" and " Yes." is "Yes"; may be empty.
absl::string_view OptionText(absl::string_view option);
// Two options that a text can be asked for: neither is empty, and they differ in more than case.
bool CanBeToldApart(absl::string_view a, absl::string_view b);

enum class Chosen { kMatching, kNotMatching, kNeither };

// The rule, for options a and b that can be told apart:
// 1. White space, quotes, brackets, markdown and stops at the text's beginning are skipped.
// 2. There one of the options must stand as a whole word, whatever its case: "yes" is Yes, "Not"
//    and "No-one" are not No. If both do, the longer one is meant.
// 3. Or it stands behind an introduction: words of {the, my, correct, right, best, final, answer,
//    option, choice, is, would, be}, "answer", "option" or "choice" among them, with such marks as
//    in 1 between them: "Answer: (A)", "The correct option is B".
// 4. An option of one character may be a word as well ("A dog …", "I think …"). Unless a closing
//    bracket follows, its case counts, and unless it is introduced, a stop, a dash, another mark or
//    the end of the line or of the text must follow. Both options of a pair are asked the same.
// 5. With "or", "and" or "/" and the other option behind it, it is none: "Yes and no".
// What comes later is not read: "Yes, … so my answer is no" is Yes, and "No doubt" is No.
Chosen ReadChoice(absl::string_view text, absl::string_view matching,
                  absl::string_view not_matching);

// Where an answer that is the letter or the digit of an option has it, by the same rule: the byte
// offset of A in "(A)", " A. Because …" and "Answer: A"; none in "Yes" and "I think so".
std::optional<size_t> FindOptionLetter(absl::string_view answer);

// Texts by what they chose.
struct ChoiceCounts {
  int matching = 0;
  int not_matching = 0;
  int neither = 0;

  void Add(Chosen chosen);
  // matching / (matching + not_matching); none if nothing was chosen.
  std::optional<double> Accuracy() const;
};

}  // namespace steer

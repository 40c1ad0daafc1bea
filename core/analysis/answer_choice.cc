#include "core/analysis/answer_choice.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace steer {
namespace {

constexpr absl::string_view kMarks = "()[]{}<>\"'`*_#~|.,:;!?-=";
// Quotes and dashes that are not ASCII.
constexpr std::array<absl::string_view, 8> kWideMarks = {"“", "”", "‘", "’", "«", "»", "–", "—"};
constexpr std::array<absl::string_view, 12> kIntroduction = {"the",    "my",    "correct", "right",
                                                             "best",   "final", "answer",  "option",
                                                             "choice", "is",    "would",   "be"};
constexpr std::array<absl::string_view, 3> kIntroduced = {"answer", "option", "choice"};

bool IsLetterOrDigit(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }
bool IsOneOf(char c, absl::string_view set) { return set.find(c) != absl::string_view::npos; }

template <typename Words>
bool Contains(const Words& words, absl::string_view word) {
  return std::any_of(words.begin(), words.end(), [word](absl::string_view known) {
    return absl::EqualsIgnoreCase(word, known);
  });
}

// Bytes of the mark at the beginning or the end of the text; 0 if there is none.
size_t MarkAtBeginning(absl::string_view text) {
  if (text.empty()) return 0;
  if (IsSpace(text.front()) || IsOneOf(text.front(), kMarks)) return 1;
  for (const absl::string_view mark : kWideMarks) {
    if (absl::StartsWith(text, mark)) return mark.size();
  }
  return 0;
}

size_t MarkAtEnd(absl::string_view text) {
  if (text.empty()) return 0;
  if (IsSpace(text.back()) || IsOneOf(text.back(), kMarks)) return 1;
  for (const absl::string_view mark : kWideMarks) {
    if (absl::EndsWith(text, mark)) return mark.size();
  }
  return 0;
}

absl::string_view FirstWord(absl::string_view text) {
  const auto* const end = std::find_if_not(text.begin(), text.end(), IsLetterOrDigit);
  return text.substr(0, end - text.begin());
}

// Where an option is looked for.
struct Place {
  absl::string_view rest;
  bool introduced = false;

  void SkipMarks() {
    while (const size_t bytes = MarkAtBeginning(rest)) rest.remove_prefix(bytes);
  }
  // False where no word of an introduction stands.
  bool SkipIntroduction() {
    const absl::string_view word = FirstWord(rest);
    if (!Contains(kIntroduction, word)) return false;
    introduced = introduced || Contains(kIntroduced, word);
    rest.remove_prefix(word.size());
    return true;
  }
};

// Whether a word that ends with `last` ends where `after` begins.
bool EndsWord(char last, absl::string_view after) {
  if (!IsLetterOrDigit(last) || after.empty()) return true;
  if (IsLetterOrDigit(after.front()) || after.front() == '_') return false;
  // "No-one", "A's": one word.
  absl::string_view joined = after;
  for (const absl::string_view mark : {"-", "'", "’"}) {
    if (absl::ConsumePrefix(&joined, mark)) return joined.empty() || !IsLetterOrDigit(joined[0]);
  }
  const bool wide = static_cast<unsigned char>(after.front()) >= 0x80;
  // General punctuation, that of Chinese and Japanese, and full-width forms; others are letters.
  const bool punctuation =
      absl::StartsWith(after, "\xE2\x80") || absl::StartsWith(after, "\xE2\x81") ||
      absl::StartsWith(after, "\xE3\x80") || absl::StartsWith(after, "\xEF\xBC");
  return !wide || punctuation;
}

// Whether a single character before this is meant as an option, not as a word.
bool StandsAlone(absl::string_view after) {
  while (!after.empty() && (after.front() == ' ' || after.front() == '\t')) after.remove_prefix(1);
  const size_t mark = MarkAtBeginning(after);
  if (after.empty() || after.front() == '\n' || after.front() == '\r') return true;
  if (mark == 0 || IsOneOf(after.front(), "([{<#")) return false;
  return after.size() == mark || !IsLetterOrDigit(after[mark]);
}

// Bytes of `option` if it stands at the place; 0 otherwise.
size_t Match(const Place& place, absl::string_view option) {
  if (!absl::StartsWithIgnoreCase(place.rest, option)) return 0;
  const absl::string_view after = place.rest.substr(option.size());
  if (!EndsWord(option.back(), after)) return 0;
  if (option.size() > 1) return option.size();
  if (!after.empty() && IsOneOf(after.front(), ")]}")) return option.size();
  if (place.rest.front() != option.front()) return 0;
  return place.introduced || StandsAlone(after) ? option.size() : 0;
}

// "or no", "/ no" behind a Yes.
bool GoesOnWith(absl::string_view after, absl::string_view other) {
  Place place{after};
  place.SkipMarks();
  const absl::string_view word = FirstWord(place.rest);
  if (!absl::ConsumePrefix(&place.rest, "/")) {
    if (!absl::EqualsIgnoreCase(word, "or") && !absl::EqualsIgnoreCase(word, "and")) return false;
    place.rest.remove_prefix(word.size());
  }
  place.SkipMarks();
  place.introduced = true;
  return Match(place, other) > 0;
}

}  // namespace

absl::string_view OptionText(absl::string_view option) {
  while (const size_t bytes = MarkAtBeginning(option)) option.remove_prefix(bytes);
  while (const size_t bytes = MarkAtEnd(option)) option.remove_suffix(bytes);
  return option;
}

bool CanBeToldApart(absl::string_view a, absl::string_view b) {
  return !OptionText(a).empty() && !OptionText(b).empty() &&
         !absl::EqualsIgnoreCase(OptionText(a), OptionText(b));
}

Chosen ReadChoice(absl::string_view text, absl::string_view matching,
                  absl::string_view not_matching) {
  const absl::string_view a = OptionText(matching), b = OptionText(not_matching);
  if (!CanBeToldApart(a, b)) return Chosen::kNeither;
  Place place{text};
  for (bool first = true;; first = false) {
    place.SkipMarks();
    const size_t a_bytes = first || place.introduced ? Match(place, a) : 0;
    const size_t b_bytes = first || place.introduced ? Match(place, b) : 0;
    if (a_bytes > 0 || b_bytes > 0) {
      const bool is_a = a_bytes > b_bytes;
      const absl::string_view after = place.rest.substr(is_a ? a_bytes : b_bytes);
      if (GoesOnWith(after, is_a ? b : a)) return Chosen::kNeither;
      return is_a ? Chosen::kMatching : Chosen::kNotMatching;
    }
    if (!place.SkipIntroduction()) return Chosen::kNeither;
  }
}

std::optional<size_t> FindOptionLetter(absl::string_view answer) {
  Place place{answer};
  for (bool first = true;; first = false) {
    place.SkipMarks();
    const absl::string_view letter = place.rest.substr(0, 1);
    if (letter.empty()) return std::nullopt;
    const bool expected = first || place.introduced;
    if (expected && IsLetterOrDigit(letter.front()) && Match(place, letter) > 0)
      return letter.data() - answer.data();
    if (!place.SkipIntroduction()) return std::nullopt;
  }
}

void ChoiceCounts::Add(Chosen chosen) {
  switch (chosen) {
    case Chosen::kMatching:
      ++matching;
      return;
    case Chosen::kNotMatching:
      ++not_matching;
      return;
    case Chosen::kNeither:
      ++neither;
      return;
  }
}

std::optional<double> ChoiceCounts::Accuracy() const {
  const int chosen = matching + not_matching;
  if (chosen == 0) return std::nullopt;
  return static_cast<double>(matching) / chosen;
}

}  // namespace steer

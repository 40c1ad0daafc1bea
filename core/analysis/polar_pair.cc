#include "core/analysis/polar_pair.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"

namespace steer {

std::string HashOf(const std::vector<PolarPair>& pairs) {
  std::string bytes;  // each text with its length before it
  for (const PolarPair& pair : pairs) {
    for (const std::string* text : {&pair.question, &pair.positive, &pair.negative})
      absl::StrAppend(&bytes, text->size(), ":", *text);
    if (pair.negative_question)
      absl::StrAppend(&bytes, "negative_question", pair.negative_question->size(), ":",
                      *pair.negative_question);
  }
  return Sha256Hex(bytes);
}

std::vector<PolarPair> WithOneQuestion(std::vector<PolarPair> pairs) {
  for (PolarPair& pair : pairs) {
    if (pair.negative_question) pair.question = *std::exchange(pair.negative_question, {});
  }
  return pairs;
}

}  // namespace steer

#include "core/analysis/polar_pair.h"

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"

namespace steer {

std::string HashOf(const std::vector<PolarPair>& pairs) {
  std::string bytes;  // each text with its length before it
  for (const PolarPair& pair : pairs) {
    for (const std::string* text : {&pair.question, &pair.positive, &pair.negative})
      absl::StrAppend(&bytes, text->size(), ":", *text);
  }
  return Sha256Hex(bytes);
}

}  // namespace steer

#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace steer {

// The alphabet in which byte-level vocabularies are written: each of the 256 bytes has a printable
// character of its own (printable Latin-1 stands for itself, the rest follow from U+0100 on).

// The character that stands for `byte`, in UTF-8.
std::string ByteLevelSpelling(uint8_t byte);

// The bytes that a token's spelling stands for. A spelling with any character outside the alphabet
// stands for itself, as in the reference.
std::string BytesOfSpelling(absl::string_view spelling);

}  // namespace steer

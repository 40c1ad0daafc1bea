#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace steer {

// Where the first sequence starts that is not well-formed UTF-8 (a stray or missing continuation
// byte, an overlong form, a surrogate, a value above U+10FFFF, a character cut off by the end);
// nullopt if there is none.
std::optional<size_t> FirstInvalidUtf8(absl::string_view text);

// What a text starts with.
struct Utf8Chunk {
  enum class Kind {
    kCharacter,   // one well-formed character
    kInvalid,     // a maximal subpart of an ill-formed sequence: becomes one U+FFFD
    kIncomplete,  // the whole text is the beginning of a character: more bytes may complete it
  };
  Kind kind;
  size_t length;  // bytes, >= 1
};

// `text` must not be empty.
Utf8Chunk NextUtf8(absl::string_view text);

// The code point of one well-formed character, as NextUtf8 delimits it.
char32_t CodePoint(absl::string_view character);

// Of valid UTF-8, by Unicode's property White_Space: where the white space ends that starts at
// `from`, and where the white space starts that ends at `from`.
size_t SkipWhiteSpace(absl::string_view text, size_t from);
size_t BackOverWhiteSpace(absl::string_view text, size_t from);

// Appends `text` to `valid` with one U+FFFD in place of each ill-formed sequence, a beginning of a
// character at the very end included; Python's bytes.decode(errors="replace") gives the same.
void AppendValidUtf8(absl::string_view text, std::string* valid);

}  // namespace steer

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/jinja/budget.h"
#include "core/tokenizer/jinja/text.h"

// Python's operations on strings, as templates use them: characters are code points and white space
// is Unicode's. Changing case is for ASCII alone; other letters are refused, not left as they are.
namespace steer::jinja {

// Bytes of the white-space character that begins at `at`, or that ends at `end`; 0: none does.
size_t SpaceAt(absl::string_view bytes, size_t at);
size_t SpaceBefore(absl::string_view bytes, size_t end);

// Where each character begins.
std::vector<size_t> CharacterStarts(absl::string_view bytes);
size_t CountCharacters(absl::string_view bytes);

enum class Side { kBoth, kLeft, kRight };
// Without `characters` white space.
Text Strip(const Text& text, Side side, const std::optional<std::string>& characters);

// At most `limit` cuts; negative: all. `separator` may not be empty.
std::vector<Text> SplitAt(const Text& text, absl::string_view separator, int64_t limit);
std::vector<Text> SplitAtSpace(const Text& text, int64_t limit);
std::vector<Text> SplitLines(const Text& text);

// The first `limit` occurrences; negative: all.
absl::StatusOr<Text> Replace(const Text& text, const Text& old, const Text& by, int64_t limit,
                             Budget& budget);

enum class Case { kUpper, kLower, kTitle, kCapitalize };
absl::StatusOr<Text> WithCase(const Text& text, Case letter_case);
// The filter `title`, which begins words elsewhere than the method does.
absl::StatusOr<Text> TitleFilter(const Text& text);

}  // namespace steer::jinja

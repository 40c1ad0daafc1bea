#pragma once

#include <optional>

#include "absl/strings/string_view.h"

namespace steer {

// Members of character classes as PCRE2 writes them between brackets, with what its own Unicode
// version lacks written out, so that splits do not depend on the distribution.

// Of \p{name}: L, Lu, Ll, Lt, Lm, Lo, M, N, Nd, P or S; nullopt for others.
std::optional<absl::string_view> MembersOf(absl::string_view name);
absl::string_view WhiteSpaceMembers();  // of \s
// Of the reference's stage that isolates digits: all numbers, by another library than its patterns.
absl::string_view DigitMembers();

}  // namespace steer

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer::jinja {

// What stands between the quotes of a string literal, with Python's escapes resolved.
absl::StatusOr<std::string> UnescapeLiteral(absl::string_view literal, int line);

}  // namespace steer::jinja

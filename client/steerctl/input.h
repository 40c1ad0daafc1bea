#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace steer {

// The argument if there is one, else all of standard input without its last newline; says so on a
// terminal. A usage error if there is neither.
absl::StatusOr<std::string> TextOrStdin(const std::string& argument, const char* what);

}  // namespace steer

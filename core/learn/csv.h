#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer {

// The records of a CSV text (RFC 4180): fields between commas, in double quotes where they hold
// commas, quotes (doubled) or line ends; lines end with LF or CRLF. Empty lines are left out.
// INVALID_ARGUMENT, naming the line (from 1), for a quote that does not end, or one inside or
// behind a field without need.
absl::StatusOr<std::vector<std::vector<std::string>>> ParseCsv(absl::string_view text);

}  // namespace steer

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer {

// The same pattern for PCRE2: classes that differ from the reference's are written out. What may
// mean something else there, and groups repeated that repeat something themselves (whose work may
// grow exponentially), is UNIMPLEMENTED by name.
absl::StatusOr<std::string> ToPcre2(absl::string_view pattern);

}  // namespace steer

#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace steer {

// Puts `text` where `path` says in one move: whoever reads the file sees the old text or the new
// one, and a failure leaves the old one. Usage errors that name the path; also for what is there
// and no regular file.
absl::Status ReplaceFile(const std::string& path, absl::string_view text);

}  // namespace steer

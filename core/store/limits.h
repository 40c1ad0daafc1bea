#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace steer {

// INVALID_ARGUMENT, naming the label, beyond the limits of signal_store.h or if not UTF-8.
absl::Status CheckAnnotations(const std::map<std::string, std::string>& labels,
                              const std::string& description);
// INVALID_ARGUMENT if it is no name for an alias.
absl::Status CheckAliasName(absl::string_view name);
// 1 .. 1000.
absl::Status CheckPageSize(int page_size);

}  // namespace steer

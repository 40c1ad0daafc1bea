#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "steer/v1/learning.pb.h"

namespace steer {

// A job as a YAML file: the fields of StartJobRequest by their names, texts as they are. `name`
// stands in errors. INVALID_ARGUMENT for what is no YAML (line and column), a field that there is
// not, or a value of another type.
absl::StatusOr<v1::StartJobRequest> ParseRecipe(const std::string& yaml, absl::string_view name);

// The same from a file. NOT_FOUND if it cannot be opened.
absl::StatusOr<v1::StartJobRequest> ReadRecipe(const std::string& path);

}  // namespace steer

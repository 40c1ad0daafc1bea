#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace steer {

// Settings of a learner's method from the command line, "NAME=VALUE", put into its message:
// numbers, switches and choices by their names in the proto. INVALID_ARGUMENT for a setting that
// the method does not have, naming those it has, and for what is no value of it.
absl::Status SetFields(const std::vector<std::string>& settings,
                       google::protobuf::Message& message);

}  // namespace steer

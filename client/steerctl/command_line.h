#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "steer/v1/common.pb.h"

namespace steer {

// "NAME", "NAME=M" or "NAME=M1:M2": a signal and its multipliers; what is left out is the signal's
// own default. Numbers are finite. INVALID_ARGUMENT shows what came and what is allowed.
absl::StatusOr<v1::Control> ParseControl(absl::string_view text);

// "ID=B": a token's id and what is added to its logit, a finite number.
absl::StatusOr<std::pair<int32_t, double>> ParseLogitBias(absl::string_view text);

// "KEY=VALUE", split at the first '='; the key is not empty.
absl::StatusOr<std::pair<std::string, std::string>> ParseLabel(absl::string_view text);

// A check for options: empty if OK, else what came and what is allowed.
std::string CheckText(const absl::Status& status);

// A mistake of the person at the keyboard: a bad argument, a file that cannot be read. steerctl
// ends with exit code 2 after it.
absl::Status UsageError(const absl::Status& status);
bool IsUsageError(const absl::Status& status);

}  // namespace steer

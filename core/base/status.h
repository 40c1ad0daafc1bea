#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer {

// The machine-readable half of an error: which field, what came, what is allowed. It travels inside
// the status as a payload and leaves the server as the trailer `steer-error-bin`.
struct ErrorDetail {
  std::string reason;   // stable word, e.g. "OUT_OF_RANGE"
  std::string field;    // path in the request or file, e.g. "signals[1].multiplier"
  std::string got;      // what came, shortened
  std::string allowed;  // what would have been accepted
};

// Makes "<field>: got <got>, allowed: <allowed>" with the detail attached.
absl::Status FieldError(absl::StatusCode code, ErrorDetail detail);

// The common case: INVALID_ARGUMENT with reason "INVALID_FIELD".
absl::Status InvalidField(absl::string_view field, absl::string_view got,
                          absl::string_view allowed);

// NOT_FOUND with reason "NOT_FOUND": `kind` is what was looked for ("signal", "job", "alias").
absl::Status NotFound(absl::string_view field, absl::string_view kind, absl::string_view got);

// The detail of a status made by one of the functions above; nullopt otherwise.
std::optional<ErrorDetail> DetailOf(const absl::Status& status);

// RESOURCE_EXHAUSTED and UNAVAILABLE may say when to come back.
void SetRetryDelayMs(absl::Status& status, int64_t milliseconds);
std::optional<int64_t> RetryDelayMs(const absl::Status& status);

// The same error, about a field of what is at `path`.
absl::Status Within(absl::string_view path, const absl::Status& status);

// Same code and payloads, message prefixed by "<where>: ".
absl::Status Annotate(const absl::Status& status, absl::string_view where);

}  // namespace steer

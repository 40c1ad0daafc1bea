#pragma once

#include <map>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"
#include "grpcpp/support/string_ref.h"

namespace steer {

// A call's outcome as the server meant it: code and message, the field, what came and what is
// allowed (DetailOf), and when to come back (RetryDelayMs), the last two read from the trailers
// `steer-error-bin` and `grpc-retry-pushback-ms`. A trailer that does not parse is left out.
absl::Status ToStatus(const grpc::Status& status,
                      const std::multimap<grpc::string_ref, grpc::string_ref>& trailers);

}  // namespace steer

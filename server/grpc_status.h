#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"

namespace steer {

// The only place where a status of ours becomes one of gRPC's. The codes are the same by number.

// A status as it leaves: its trailers are `steer-error-bin` (a serialized ErrorDetail, if the
// status has a detail) and `grpc-retry-pushback-ms` (if it says when to come back).
struct WireStatus {
  grpc::Status status;
  std::vector<std::pair<std::string, std::string>> trailers;
};

// Message and detail are made valid UTF-8 and shortened: a client refuses trailers above 8 KiB as a
// whole, and would then show an error of its own instead of ours.
WireStatus ToWire(const absl::Status& status);

// ToWire, with the trailers put on the call. Once per call, right before Finish.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase& context);

}  // namespace steer

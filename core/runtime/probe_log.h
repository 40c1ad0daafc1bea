#pragma once

#include <string>

#include "absl/status/status.h"

namespace steer {

// Apart from probes.cc, which sees libtorch's own fmt: the log's library cannot be with it.
void LogProbeFailure(const std::string& signal, const absl::Status& status);

}  // namespace steer

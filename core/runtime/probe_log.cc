#include "core/runtime/probe_log.h"

#include "spdlog/spdlog.h"

namespace steer {

void LogProbeFailure(const std::string& signal, const absl::Status& status) {
  spdlog::warn("signal {} could not be probed: {}", signal, status.ToString());
}

}  // namespace steer

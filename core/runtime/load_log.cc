#include "core/runtime/load_log.h"

#include <utility>

#include "spdlog/spdlog.h"

namespace steer {

std::function<void(int64_t, int64_t)> LogLoading(std::string device) {
  constexpr int64_t kLarge = int64_t{1} << 30;
  return [device = std::move(device), told = int64_t{0}](int64_t done, int64_t total) mutable {
    if (total < kLarge) return;
    const int64_t tenths = 10 * done / total;
    if (tenths == told) return;
    told = tenths;
    spdlog::info("{}: {} % of {} MiB of weights", device, 10 * tenths, total / (1 << 20));
  };
}

void LogNoTemplate(const absl::Status& why) {
  spdlog::warn("raw prompts only: {}", std::string(why.message()));
}

}  // namespace steer

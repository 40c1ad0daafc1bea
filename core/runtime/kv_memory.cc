#include "core/runtime/kv_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

#include "ATen/ATen.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "torch/headeronly/version.h"
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 13
#include "ATen/DeviceAccelerator.h"
#define STEER_HAS_MEMORY_INFO 1
#endif

namespace steer {
namespace {

// The first number of a file; nullopt if there is no such file or it says "max".
std::optional<int64_t> Number(const char* path) {
  std::ifstream file(path);
  int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

std::optional<int64_t> AvailableOfHost() {
  std::ifstream file("/proc/meminfo");
  std::string line;
  const std::string name = "MemAvailable:";
  while (std::getline(file, line)) {
    if (line.compare(0, name.size(), name) == 0) return std::stoll(line.substr(name.size())) * 1024;
  }
  return std::nullopt;
}

absl::Status Unknown() {
  return InvalidField("kv_cache_mib", "0", "a size: the device's free memory cannot be told here");
}

absl::StatusOr<int64_t> FreeOfCpu() {
  std::optional<int64_t> available = AvailableOfHost();
  const std::optional<int64_t> limit = Number("/sys/fs/cgroup/memory.max");
  const std::optional<int64_t> used = Number("/sys/fs/cgroup/memory.current");
  if (limit && used) {
    available = std::min(available.value_or(std::numeric_limits<int64_t>::max()),
                         std::max<int64_t>(0, *limit - *used));
  }
  if (!available) return Unknown();
  return *available;
}

}  // namespace

absl::StatusOr<int64_t> FreeMemory(at::Device device) {
  if (device.is_cpu()) return FreeOfCpu();
#ifdef STEER_HAS_MEMORY_INFO
  return CatchTorch("asking for free memory", [&]() -> absl::StatusOr<int64_t> {
    return static_cast<int64_t>(at::accelerator::getMemoryInfo(device.index()).first);
  });
#else
  return Unknown();
#endif
}

}  // namespace steer

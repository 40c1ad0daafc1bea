#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"

namespace steer {

// Bytes that `device` has to spare now: what the kernel calls available and the control group's
// limit leaves, whichever is less; of a GPU, its free memory. INVALID_ARGUMENT naming kv_cache_mib
// where it cannot be told.
absl::StatusOr<int64_t> FreeMemory(at::Device device);

}  // namespace steer

#pragma once

#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "core/files/tensor_map.h"

namespace steer {

// The numbers that `bytes` spell, as 32-bit floats: exact for plain floats, and for block formats
// the value the format defines, to the last bit. `out` holds whole blocks and `bytes` exactly those
// blocks, or INVALID_ARGUMENT; any slice of a tensor at block borders will do. Neither needs
// alignment beyond its type. Thread-safe.
absl::Status Dequantize(Encoding encoding, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace steer

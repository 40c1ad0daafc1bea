#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace steer {

using TokenId = int32_t;

// Element type of a tensor outside libtorch. Little-endian, as on every machine this builds for.
enum class DType : uint8_t { kF32, kF16, kBF16, kF64, kI8, kU8, kI16, kI32, kI64, kBool };

// Bytes of one element.
size_t SizeOf(DType dtype);

// The safetensors spelling ("F32", "BF16", …); also the one of the protos and of messages.
absl::string_view Name(DType dtype);
std::optional<DType> DTypeFromName(absl::string_view name);

}  // namespace steer

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/types.h"

namespace steer {

// The number of elements of a shape; 1 for a scalar. nullopt if a dimension is negative or the
// product overflows.
std::optional<int64_t> ElementCount(std::span<const int64_t> shape);

// "[576, 1536]"
std::string ShapeString(std::span<const int64_t> shape);

// A dense row-major tensor in main memory, without libtorch. A value.
struct HostTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::vector<std::byte> data;  // SizeOf(dtype) * ElementCount(shape) bytes, little-endian

  static HostTensor FromFloats(std::vector<int64_t> shape, std::span<const float> values);
  // Only for kF32.
  std::span<const float> floats() const;
};

// `values` (any float dtype: F32, F16, BF16, F64) as 32-bit floats; empty for other dtypes.
std::vector<float> ToFloats(DType dtype, std::span<const std::byte> data);

float HalfToFloat(uint16_t bits);
float BFloat16ToFloat(uint16_t bits);

}  // namespace steer

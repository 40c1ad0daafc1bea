#include "core/base/host_tensor.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/check.h"

namespace steer {
namespace {

template <typename T>
T Load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

std::optional<int64_t> ElementCount(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 0 || __builtin_mul_overflow(count, dimension, &count)) return std::nullopt;
  }
  return count;
}

std::string ShapeString(std::span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

HostTensor HostTensor::FromFloats(std::vector<int64_t> shape, std::span<const float> values) {
  STEER_CHECK(ElementCount(shape) == static_cast<int64_t>(values.size()));
  const std::span<const std::byte> bytes = std::as_bytes(values);
  return {DType::kF32, std::move(shape), std::vector<std::byte>(bytes.begin(), bytes.end())};
}

std::span<const float> HostTensor::floats() const {
  STEER_CHECK(dtype == DType::kF32);
  return {reinterpret_cast<const float*>(data.data()), data.size() / sizeof(float)};
}

float HalfToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t mantissa = bits & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | (mantissa << 13));
  if (exponent == 0) {
    // A subnormal half: mantissa * 2^-24, exact in a float.
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

float BFloat16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

std::vector<float> ToFloats(DType dtype, std::span<const std::byte> data) {
  const size_t size = SizeOf(dtype);
  std::vector<float> values;
  values.reserve(data.size() / size);
  for (size_t at = 0; at + size <= data.size(); at += size) {
    switch (dtype) {
      case DType::kF32:
        values.push_back(Load<float>(&data[at]));
        break;
      case DType::kF16:
        values.push_back(HalfToFloat(Load<uint16_t>(&data[at])));
        break;
      case DType::kBF16:
        values.push_back(BFloat16ToFloat(Load<uint16_t>(&data[at])));
        break;
      case DType::kF64:
        values.push_back(static_cast<float>(Load<double>(&data[at])));
        break;
      default:
        return {};
    }
  }
  return values;
}

}  // namespace steer

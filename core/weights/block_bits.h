#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/base/host_tensor.h"

// How the numbers of block formats are taken out of their bytes; for this folder alone.
namespace steer {

// The bits of one byte from `shift` up that `mask` leaves.
inline uint32_t Bits(const std::byte* at, size_t shift, uint32_t mask) {
  return static_cast<uint32_t>(*at) >> shift & mask;
}

inline uint16_t Word(const std::byte* at) {
  uint16_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline float Half(const std::byte* at) { return HalfToFloat(Word(at)); }

// The integer that `bits` stand for, when `zero` stands for 0.
inline float Integer(uint32_t bits, int32_t zero = 0) {
  return static_cast<float>(static_cast<int32_t>(bits) - zero);
}

inline float SignedByte(const std::byte* at) {
  return static_cast<float>(static_cast<int8_t>(*at));
}

}  // namespace steer

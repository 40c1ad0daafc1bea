#include "core/weights/low_bit_blocks.h"

#include <array>
#include <bit>
#include <cstdint>

#include "core/weights/block_bits.h"

namespace steer {
namespace {

// The sixteen values that four bits stand for in the IQ4 formats.
constexpr std::array<float, 16> kIq4Values = {-127, -104, -83, -65, -49, -35, -22, -10,
                                              1,    13,   25,  38,  53,  69,  89,  113};

// Ternary: a byte is a fraction of 256 whose first digits to the base 3 are its values, each 0, 1
// or 2 for -1, 0 and 1.
float Trit(const std::byte* at, uint32_t power) {
  const uint32_t rest = static_cast<uint32_t>(*at) * power & 255;
  return Integer(rest * 3 >> 8, 1);
}

// 2^(exponent - 128), of which the two smallest are subnormal.
float HalfPower(const std::byte* exponent) {
  const auto biased = static_cast<uint32_t>(*exponent);
  return std::bit_cast<float>(biased < 2 ? 0x00200000U << biased : (biased - 1) << 23);
}

}  // namespace

// 16 bytes, one per 16 values: scale in the low half, minimum in the high one; 64 bytes, half
// scale, half scale of the minima; integers 0..3. Each half block of 128 values is four runs of 32:
// run r in bits 2r and 2r + 1 of its 32 bytes.
void Q2_K(const std::byte* block, float* out) {
  const float scale = Half(block + 80);
  const float minimum = Half(block + 82);
  for (size_t run = 0; run < 8; ++run) {
    const std::byte* const quads = block + 16 + run / 4 * 32;
    for (size_t i = 0; i < 32; ++i) {
      const std::byte* const group = block + run * 2 + i / 16;
      const float value = Integer(Bits(quads + i, run % 4 * 2, 3));
      out[run * 32 + i] =
          scale * Integer(Bits(group, 0, 15)) * value - minimum * Integer(Bits(group, 4, 15));
    }
  }
}

// 32 bytes of third bits, 64 bytes of two lower bits as in Q2_K, 12 bytes of six-bit scales, one
// per 16 values, half scale; integers -4..3. Bit r of byte i is the third bit of value i of run r.
// The low four bits of scale g are in byte g % 8, the upper two in byte 8 + g % 4.
void Q3_K(const std::byte* block, float* out) {
  const std::byte* const scales = block + 96;
  const float scale = Half(block + 108);
  for (size_t run = 0; run < 8; ++run) {
    const std::byte* const quads = block + 32 + run / 4 * 32;
    for (size_t i = 0; i < 32; ++i) {
      const size_t group = run * 2 + i / 16;
      const uint32_t factor = Bits(scales + group % 8, group / 8 * 4, 15) +
                              16 * Bits(scales + 8 + group % 4, group / 4 * 2, 3);
      const uint32_t value = Bits(quads + i, run % 4 * 2, 3) + 4 * Bits(block + i, run, 1);
      out[run * 32 + i] = scale * Integer(factor, 32) * Integer(value, 4);
    }
  }
}

// half scale, 16 bytes.
void IQ4_NL(const std::byte* block, float* out) {
  const float scale = Half(block);
  for (size_t i = 0; i < 16; ++i) {
    out[i] = scale * kIq4Values[Bits(block + 2 + i, 0, 15)];
    out[16 + i] = scale * kIq4Values[Bits(block + 2 + i, 4, 15)];
  }
}

// half scale, 2 bytes of upper two bits and 4 bytes of low four bits of eight scales, 16 bytes for
// each 32 values as in IQ4_NL.
void IQ4_XS(const std::byte* block, float* out) {
  for (size_t group = 0; group < 8; ++group) {
    const uint32_t factor = Bits(block + 4 + group / 2, group % 2 * 4, 15) +
                            16 * Bits(block + 2 + group / 4, group % 4 * 2, 3);
    const float scale = Half(block) * Integer(factor, 32);
    const std::byte* const pairs = block + 8 + group * 16;
    for (size_t i = 0; i < 16; ++i) {
      out[group * 32 + i] = scale * kIq4Values[Bits(pairs + i, 0, 15)];
      out[group * 32 + 16 + i] = scale * kIq4Values[Bits(pairs + i, 4, 15)];
    }
  }
}

// 48 bytes of five values, 4 bytes of four, half scale. 32 bytes hold 160 values, the first digits
// of all of them first; so do 16 bytes 80 and 4 bytes 16.
void TQ1_0(const std::byte* block, float* out) {
  constexpr std::array<uint32_t, 5> kPowers = {1, 3, 9, 27, 81};
  struct Part {
    size_t begin, bytes, digits;
  };
  const float scale = Half(block + 52);
  for (const auto [begin, bytes, digits] : {Part{0, 32, 5}, Part{32, 16, 5}, Part{48, 4, 4}}) {
    for (size_t digit = 0; digit < digits; ++digit) {
      for (size_t i = 0; i < bytes; ++i) {
        *out++ = scale * Trit(block + begin + i, kPowers[digit]);
      }
    }
  }
}

// 64 bytes of two bits as in Q2_K, half scale; integers -1..2.
void TQ2_0(const std::byte* block, float* out) {
  const float scale = Half(block + 64);
  for (size_t run = 0; run < 8; ++run) {
    for (size_t i = 0; i < 32; ++i) {
      out[run * 32 + i] = scale * Integer(Bits(block + run / 4 * 32 + i, run % 4 * 2, 3), 1);
    }
  }
}

// one byte of exponent, 16 bytes; four bits are a sign, two bits of exponent, one of fraction: here
// twice the value they stand for, to go with half the power.
void MXFP4(const std::byte* block, float* out) {
  constexpr std::array<float, 16> kTwice = {0, 1,  2,  3,  4,  6,  8,  12,
                                            0, -1, -2, -3, -4, -6, -8, -12};
  const float scale = HalfPower(block);
  for (size_t i = 0; i < 16; ++i) {
    out[i] = scale * kTwice[Bits(block + 1 + i, 0, 15)];
    out[16 + i] = scale * kTwice[Bits(block + 1 + i, 4, 15)];
  }
}

}  // namespace steer

#include "core/weights/dequantize.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/weights/block_bits.h"
#include "core/weights/low_bit_blocks.h"

namespace steer {
namespace {

// One block after the other. In all block formats a value is scale * integer (+ or - minimum);
// every product is exact in 32 bits (11 bits of a half times at most 13 of integers), so the result
// is rounded once, in the addition, and no choice of instructions can change it.

void F32(const std::byte* block, float* out) { std::memcpy(out, block, sizeof *out); }
void F16(const std::byte* block, float* out) { *out = Half(block); }
void BF16(const std::byte* block, float* out) { *out = BFloat16ToFloat(Word(block)); }

// The formats of 32 values hold value i in the low half of byte i and value 16 + i in its high
// half; with five bits, bit i of a 32-bit word is the fifth bit of value i.

// half scale, 16 bytes; integers -8..7.
void Q4_0(const std::byte* block, float* out) {
  const float scale = Half(block);
  for (size_t i = 0; i < 16; ++i) {
    out[i] = scale * Integer(Bits(block + 2 + i, 0, 15), 8);
    out[16 + i] = scale * Integer(Bits(block + 2 + i, 4, 15), 8);
  }
}

// half scale, half minimum, 16 bytes; integers 0..15.
void Q4_1(const std::byte* block, float* out) {
  const float scale = Half(block);
  const float minimum = Half(block + 2);
  for (size_t i = 0; i < 16; ++i) {
    out[i] = scale * Integer(Bits(block + 4 + i, 0, 15)) + minimum;
    out[16 + i] = scale * Integer(Bits(block + 4 + i, 4, 15)) + minimum;
  }
}

// Value `i` of 0..31 of a five-bit format.
uint32_t FiveBits(const std::byte* high_bits, const std::byte* pairs, size_t i) {
  const uint32_t low = i < 16 ? Bits(pairs + i, 0, 15) : Bits(pairs + i - 16, 4, 15);
  return low + 16 * Bits(high_bits + i / 8, i % 8, 1);
}

// half scale, 4 bytes of fifth bits, 16 bytes; integers -16..15.
void Q5_0(const std::byte* block, float* out) {
  const float scale = Half(block);
  for (size_t i = 0; i < 32; ++i) out[i] = scale * Integer(FiveBits(block + 2, block + 6, i), 16);
}

// half scale, half minimum, 4 bytes of fifth bits, 16 bytes; integers 0..31.
void Q5_1(const std::byte* block, float* out) {
  const float scale = Half(block);
  const float minimum = Half(block + 2);
  for (size_t i = 0; i < 32; ++i) {
    out[i] = scale * Integer(FiveBits(block + 4, block + 8, i)) + minimum;
  }
}

// half scale, 32 signed bytes.
void Q8_0(const std::byte* block, float* out) {
  const float scale = Half(block);
  for (size_t i = 0; i < 32; ++i) out[i] = scale * SignedByte(block + 2 + i);
}

// The formats of 256 values with minima have eight groups of 32, each with a six-bit scale and a
// six-bit minimum, packed into 12 bytes: bytes 0..3 begin with the scales of groups 0..3,
// bytes 4..7 with their minima; bytes 8..11 hold the low four bits of scale and minimum of
// groups 4..7, whose upper two bits are the top bits of bytes 0..3 and 4..7.
struct Group {
  float scale;
  float minimum;
};

Group GroupOf(const std::byte* block, size_t group) {
  const std::byte* const packed = block + 4;
  uint32_t scale = 0;
  uint32_t minimum = 0;
  if (group < 4) {
    scale = Bits(packed + group, 0, 63);
    minimum = Bits(packed + 4 + group, 0, 63);
  } else {
    scale = Bits(packed + 4 + group, 0, 15) + 16 * Bits(packed + group - 4, 6, 3);
    minimum = Bits(packed + 4 + group, 4, 15) + 16 * Bits(packed + group, 6, 3);
  }
  return {Half(block) * Integer(scale), Half(block + 2) * Integer(minimum)};
}

// half scale, half scale of the minima, 12 bytes of groups, 128 bytes: 32 bytes hold one group in
// their low and the next in their high halves.
void Q4_K(const std::byte* block, float* out) {
  for (size_t group = 0; group < 8; ++group) {
    const auto [scale, minimum] = GroupOf(block, group);
    const std::byte* const pairs = block + 16 + group / 2 * 32;
    const size_t shift = group % 2 * 4;
    for (size_t i = 0; i < 32; ++i) {
      const uint32_t value = Bits(pairs + i, shift, 15);
      out[group * 32 + i] = scale * Integer(value) - minimum;
    }
  }
}

// As Q4_K, with 32 bytes of fifth bits before the pairs: bit g of byte i belongs to value i of
// group g.
void Q5_K(const std::byte* block, float* out) {
  const std::byte* const high_bits = block + 16;
  for (size_t group = 0; group < 8; ++group) {
    const auto [scale, minimum] = GroupOf(block, group);
    const std::byte* const pairs = block + 48 + group / 2 * 32;
    const size_t shift = group % 2 * 4;
    for (size_t i = 0; i < 32; ++i) {
      const uint32_t value = Bits(pairs + i, shift, 15) + 16 * Bits(high_bits + i, group, 1);
      out[group * 32 + i] = scale * Integer(value) - minimum;
    }
  }
}

// 128 bytes of low halves, 64 bytes of upper two bits, 16 signed scales (one per 16 values), half
// scale; integers -32..31. Each half block of 128 values is four runs of 32: runs 0 and 1 in the
// low halves of its 64 bytes, runs 2 and 3 in the high halves; the two upper bits of run r are bits
// 2r and 2r + 1 of its 32 bytes.
void Q6_K(const std::byte* block, float* out) {
  const float scale = Half(block + 208);
  for (size_t run = 0; run < 8; ++run) {
    const std::byte* const low = block + run / 4 * 64 + run % 2 * 32;
    const std::byte* const high = block + 128 + run / 4 * 32;
    const size_t low_shift = run % 4 / 2 * 4;
    const size_t high_shift = run % 4 * 2;
    for (size_t i = 0; i < 32; ++i) {
      const uint32_t value = Bits(low + i, low_shift, 15) + 16 * Bits(high + i, high_shift, 3);
      const float factor = SignedByte(block + 192 + run * 2 + i / 16);
      out[run * 32 + i] = scale * factor * Integer(value, 32);
    }
  }
}

template <void (*kBlock)(const std::byte*, float*)>
void EachBlock(std::span<const std::byte> bytes, std::span<float> out, int64_t block_bytes,
               int64_t block_elements) {
  const std::byte* from = bytes.data();
  for (float* to = out.data(); to != out.data() + out.size(); to += block_elements) {
    kBlock(from, to);
    from += block_bytes;
  }
}

using Whole = void (*)(std::span<const std::byte>, std::span<float>, int64_t, int64_t);
// In the order of Encoding.
constexpr std::array<Whole, 18> kByEncoding = {
    EachBlock<F32>,   EachBlock<F16>,   EachBlock<BF16>, EachBlock<Q4_0>,   EachBlock<Q4_1>,
    EachBlock<Q5_0>,  EachBlock<Q5_1>,  EachBlock<Q8_0>, EachBlock<Q4_K>,   EachBlock<Q5_K>,
    EachBlock<Q6_K>,  EachBlock<Q2_K>,  EachBlock<Q3_K>, EachBlock<IQ4_NL>, EachBlock<IQ4_XS>,
    EachBlock<TQ1_0>, EachBlock<TQ2_0>, EachBlock<MXFP4>};

}  // namespace

absl::Status Dequantize(Encoding encoding, std::span<const std::byte> bytes, std::span<float> out) {
  const int64_t elements = BlockElements(encoding);
  const int64_t size = BlockBytes(encoding);
  const auto count = static_cast<int64_t>(out.size());
  if (count % elements != 0 || static_cast<int64_t>(bytes.size()) != count / elements * size) {
    return InvalidField(Name(encoding),
                        absl::StrCat(bytes.size(), " bytes for ", count, " elements"),
                        absl::StrCat(size, " bytes for each ", elements, " elements"));
  }
  kByEncoding[static_cast<size_t>(encoding)](bytes, out, size, elements);
  return absl::OkStatus();
}

}  // namespace steer

#pragma once

#include <cstddef>

namespace steer {

// One block of a format, as `Dequantize` promises; for it alone.
void Q2_K(const std::byte* block, float* out);
void Q3_K(const std::byte* block, float* out);
void IQ4_NL(const std::byte* block, float* out);
void IQ4_XS(const std::byte* block, float* out);
void TQ1_0(const std::byte* block, float* out);
void TQ2_0(const std::byte* block, float* out);
void MXFP4(const std::byte* block, float* out);

}  // namespace steer

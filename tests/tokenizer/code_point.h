#pragma once

#include <cstdint>
#include <string>

namespace steer {

// UTF-8 of any number up to 2^21 - 1, also of those that are no code points.
inline std::string Utf8Of(uint32_t code) {
  const auto tail = [&](uint32_t shift) {
    return static_cast<char>(0x80U | (code >> shift & 0x3FU));
  };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0U | code >> 6U), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0U | code >> 12U), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | code >> 18U), tail(12), tail(6), tail(0)};
}

}  // namespace steer

#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/strings/string_view.h"

namespace steer {

// SHA-256, fed piece by piece. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::span<const std::byte> data);
  void Update(absl::string_view data);
  // Call one of the two, once. Hex: 64 lower-case digits.
  std::array<std::byte, 32> Digest();
  std::string HexDigest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::array<std::byte, 32> Sha256Digest(absl::string_view data);
std::string Sha256Hex(absl::string_view data);

}  // namespace steer

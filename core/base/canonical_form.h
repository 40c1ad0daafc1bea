#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "core/base/sha256.h"

namespace steer {

// The form that a content's id is the hash of, fed to the hash as it is made. Numbers have a fixed
// width (eight bytes, the lowest first), texts and bytes carry their length: no two contents have
// the same form. Not thread-safe.
class CanonicalForm {
 public:
  void Number(uint64_t value) {
    std::array<std::byte, sizeof value> bytes;
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
    sha_.Update(bytes);
  }
  void Flag(bool value) { Number(value ? 1 : 0); }
  void Bytes(std::span<const std::byte> bytes) {
    Number(bytes.size());
    sha_.Update(bytes);
  }
  void Text(absl::string_view text) { Bytes(std::as_bytes(std::span(text.data(), text.size()))); }

  // Once. 64 lower-case hex digits.
  std::string Digest() { return sha_.HexDigest(); }

 private:
  Sha256 sha_;
};

}  // namespace steer

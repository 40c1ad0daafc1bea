#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace steer {

// Writes GGUF files word by word, so that a test can make one lie about anything.
class GgufBuilder {
 public:
  GgufBuilder(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    Raw("GGUF").Number(version).Number(tensors).Number(keys);
  }

  template <typename T>
  GgufBuilder& Number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBuilder& Raw(absl::string_view text) {
    bytes_.append(text.data(), text.size());
    return *this;
  }
  GgufBuilder& Text(absl::string_view text) { return Number(uint64_t{text.size()}).Raw(text); }
  // A key and the type of its value, which follows.
  GgufBuilder& Key(absl::string_view key, uint32_t type) { return Text(key).Number(type); }
  // `dimensions` innermost first, as in the file.
  GgufBuilder& Tensor(absl::string_view name, const std::vector<uint64_t>& dimensions,
                      uint32_t type, uint64_t offset) {
    Text(name).Number(static_cast<uint32_t>(dimensions.size()));
    for (const uint64_t dimension : dimensions) Number(dimension);
    return Number(type).Number(offset);
  }
  // Pads to `alignment` and appends `size` bytes of tensors.
  GgufBuilder& Data(size_t size, size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    bytes_.append(size, '\x01');
    return *this;
  }

  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::string bytes_;
};

}  // namespace steer

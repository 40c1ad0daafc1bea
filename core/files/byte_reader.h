#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status.h"

namespace steer {

// Reads little-endian values one after the other and never past the end. Errors are
// INVALID_ARGUMENT and name what was read (`what`) and the byte offset. Not thread-safe.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }

  template <typename T>
  absl::StatusOr<T> Number(absl::string_view what) {
    if (remaining() < sizeof(T)) return Short(what, sizeof(T));
    T value;
    std::memcpy(&value, &bytes_[offset_], sizeof value);
    offset_ += sizeof value;
    return value;
  }

  absl::StatusOr<std::string> Text(absl::string_view what, uint64_t size) {
    if (remaining() < size) return Short(what, size);
    std::string text(reinterpret_cast<const char*>(bytes_.data()) + offset_, size);
    offset_ += size;
    return text;
  }

 private:
  absl::Status Short(absl::string_view what, uint64_t wanted) const {
    return InvalidField(absl::StrCat(what, " at byte ", offset_), absl::StrCat(wanted, " bytes"),
                        absl::StrCat("at most the ", remaining(), " bytes left in the file"));
  }

  std::span<const std::byte> bytes_;
  size_t offset_ = 0;
};

}  // namespace steer

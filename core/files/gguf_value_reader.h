#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/files/byte_reader.h"
#include "core/files/gguf.h"

namespace steer {

// Reads what a GGUF file is made of, one piece after the other. Errors are INVALID_ARGUMENT and
// name `what` and the byte offset. Not thread-safe.
class GgufValueReader : public ByteReader {
 public:
  using ByteReader::ByteReader;

  // A count of things of at least `least_bytes` each: refused if it exceeds `most` or the rest of
  // the file cannot hold so many.
  absl::StatusOr<uint64_t> Count(absl::string_view what, uint64_t least_bytes, uint64_t most);
  // A string: its length, then its bytes.
  absl::StatusOr<std::string> String(absl::string_view what);
  // An unsigned number of 64 bits; refused above 2^63-1.
  absl::StatusOr<int64_t> Unsigned(absl::string_view what);
  // The type of a value, then the value.
  absl::StatusOr<GgufFile::Value> Value(absl::string_view what);

  // The error for what was just read.
  absl::Status Refuse(absl::string_view what, absl::string_view got,
                      absl::string_view allowed) const;

 private:
  absl::StatusOr<int64_t> Integer(uint32_t type, absl::string_view what);
  absl::StatusOr<double> Float(uint32_t type, absl::string_view what);
  absl::StatusOr<bool> Bool(absl::string_view what);
  absl::StatusOr<GgufFile::Value> Array(absl::string_view what);
  template <typename T, typename Read>
  static absl::StatusOr<GgufFile::Value> Elements(uint64_t count, Read read);

  uint64_t array_elements_ = 0;  // of all arrays so far
};

}  // namespace steer

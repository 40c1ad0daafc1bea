#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/files/mapped_file.h"
#include "core/files/tensor_map.h"

namespace steer {

// A GGUF version 3 file: typed metadata and tensors. Everything is checked when it is opened
// (bounds, alignment, overlap, element types, sizes), so that later reads cannot leave the mapping.
// Counts are bounded by what the file can hold before anything is allocated, and by 65,536 keys,
// 2^24 array elements in all and 2^20 tensors. Immutable.
class GgufFile {
 public:
  // Integers of every width are held as int64_t (uint64 above 2^63-1 is refused), floats as double.
  using Value = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>,
                             std::vector<double>, std::vector<bool>, std::vector<std::string>>;
  using Metadata = std::map<std::string, Value, std::less<>>;

  // INVALID_ARGUMENT names what is wrong and at which byte offset; UNIMPLEMENTED for another
  // version or a tensor type that is not in Encoding, with its number and the tensor's name.
  static absl::StatusOr<std::shared_ptr<const GgufFile>> Open(const std::string& path);
  // The same over bytes in memory, which must outlive the result.
  static absl::StatusOr<std::shared_ptr<const GgufFile>> Parse(std::span<const std::byte> bytes);

  // nullptr if absent.
  const Value* Find(absl::string_view key) const;
  // The keys that begin so, sorted.
  std::vector<std::string> KeysFrom(absl::string_view prefix) const;
  // NOT_FOUND if absent, INVALID_ARGUMENT if of another type; both name the key.
  absl::StatusOr<int64_t> Int(absl::string_view key) const;
  absl::StatusOr<double> Float(absl::string_view key) const;  // integers are accepted
  absl::StatusOr<std::string> String(absl::string_view key) const;
  absl::StatusOr<std::vector<std::string>> Strings(absl::string_view key) const;
  absl::StatusOr<std::vector<int64_t>> Ints(absl::string_view key) const;
  // As above with a value for "absent"; another type is still an error.
  absl::StatusOr<int64_t> IntOr(absl::string_view key, int64_t fallback) const;
  absl::StatusOr<double> FloatOr(absl::string_view key, double fallback) const;
  absl::StatusOr<bool> BoolOr(absl::string_view key, bool fallback) const;
  absl::StatusOr<std::string> StringOr(absl::string_view key, std::string fallback) const;

  // Names as in the file ("blk.0.attn_q.weight"); shapes turned to row-major order. The map keeps
  // the file alive when opened through Open.
  TensorMap tensors() const;

 private:
  GgufFile(std::shared_ptr<const MappedFile> file, Metadata metadata,
           std::map<std::string, StoredTensor> tensors)
      : file_(std::move(file)), metadata_(std::move(metadata)), tensors_(std::move(tensors)) {}
  static absl::StatusOr<std::shared_ptr<const GgufFile>> Read(
      std::span<const std::byte> bytes, std::shared_ptr<const MappedFile> file);

  std::shared_ptr<const MappedFile> file_;  // null after Parse
  Metadata metadata_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace steer

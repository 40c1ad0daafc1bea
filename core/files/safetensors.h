#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/host_tensor.h"
#include "core/base/types.h"
#include "core/files/mapped_file.h"

namespace steer {

// A safetensors file: a JSON header and raw tensors. Checked as a whole when opened: header size
// (at most 100 MB) and UTF-8, unknown or missing fields, dtype, shape (at most 64 dimensions) times
// size against the offsets, gaps, overlaps, offsets outside the file, duplicate names, bytes that
// belong to no tensor. Immutable.
class SafetensorsFile {
 public:
  struct Tensor {
    DType dtype = DType::kF32;
    std::vector<int64_t> shape;        // empty for a scalar; dimensions may be 0
    std::span<const std::byte> bytes;  // not aligned to the dtype
  };

  // As MappedFile::Open, then INVALID_ARGUMENT that names the tensor and field.
  static absl::StatusOr<std::shared_ptr<const SafetensorsFile>> Open(const std::string& path);
  // The same over bytes in memory, which must outlive the result.
  static absl::StatusOr<std::shared_ptr<const SafetensorsFile>> Parse(
      std::span<const std::byte> bytes);

  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  // What the tensors lie in; null after Parse.
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  SafetensorsFile(std::shared_ptr<const MappedFile> file,
                  std::map<std::string, std::string> metadata,
                  std::map<std::string, Tensor> tensors)
      : file_(std::move(file)), metadata_(std::move(metadata)), tensors_(std::move(tensors)) {}
  static absl::StatusOr<std::shared_ptr<const SafetensorsFile>> Read(
      std::span<const std::byte> bytes, std::shared_ptr<const MappedFile> file);

  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, Tensor> tensors_;
};

// The bytes of a safetensors file, tensors in name order, header padded with spaces to 8 bytes:
// equal input, equal bytes. Names and metadata are UTF-8 (anything else becomes U+FFFD), no tensor
// is called "__metadata__", and each holds the bytes its shape says.
std::string WriteSafetensors(const std::map<std::string, std::string>& metadata,
                             const std::map<std::string, HostTensor>& tensors);

}  // namespace steer

#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/host_tensor.h"
#include "core/files/mapped_file.h"

namespace steer {

// A safetensors file: a JSON header and raw tensors. Checked as a whole when opened: header size
// and UTF-8, unknown or missing fields, dtype, shape times size against the offsets, gaps,
// overlaps, offsets outside the file, duplicate names. Immutable.
class SafetensorsFile {
 public:
  struct Tensor {
    DType dtype = DType::kF32;
    std::vector<int64_t> shape;
    std::span<const std::byte> bytes;
  };

  static absl::StatusOr<std::shared_ptr<const SafetensorsFile>> Open(const std::string& path);
  // The same over bytes in memory, which must outlive the result.
  static absl::StatusOr<std::shared_ptr<const SafetensorsFile>> Parse(
      std::span<const std::byte> bytes);

  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

 private:
  std::shared_ptr<const MappedFile> file_;  // null after Parse
  std::map<std::string, std::string> metadata_;
  std::map<std::string, Tensor> tensors_;
};

// The bytes of a safetensors file, tensors in name order, header padded with spaces to 8 bytes:
// equal input, equal bytes.
std::string WriteSafetensors(const std::map<std::string, std::string>& metadata,
                             const std::map<std::string, HostTensor>& tensors);

}  // namespace steer

#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "core/files/gguf.h"
#include "core/files/tensor_map.h"

namespace steer {

// The two halves of a GGUF file. Tensors point into the bytes they were read from.
struct GgufContents {
  GgufFile::Metadata metadata;
  std::map<std::string, StoredTensor> tensors;
};

// The layout, all integers little-endian: "GGUF", version, counts of tensors and keys; the keys
// with their types and values; name, dimensions (innermost first), type and offset of each tensor;
// padding to general.alignment; the tensors. Errors as GgufFile::Open.
absl::StatusOr<GgufContents> ParseGguf(std::span<const std::byte> bytes);

}  // namespace steer

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/types.h"

namespace steer {

// What the JSON header of a safetensors file says, not yet compared with the bytes behind it.
struct SafetensorsHeader {
  struct Tensor {
    DType dtype = DType::kF32;
    std::vector<int64_t> shape;
    std::vector<uint64_t> data_offsets;  // begin and end, from the end of the header
  };
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;
};

// INVALID_ARGUMENT for anything but one object of `__metadata__` (strings by name) and tensors with
// exactly dtype, shape and data_offsets; for a name or field given twice; for text that is not
// UTF-8.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view json);

}  // namespace steer

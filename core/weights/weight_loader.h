#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/files/tensor_map.h"

namespace steer {

// Told after each tensor: bytes of the files that have become weights, and of all of them.
using LoadProgress = std::function<void(int64_t done, int64_t total)>;

// Hands out a model's tensors by name as libtorch tensors of one type on one device. Narrowed like
// TensorMap: each layer gets the loader narrowed to its own prefix. Not thread-safe.
//
// On the CPU a tensor that is stored in the wanted type, and aligned to it, is not copied: the
// result lies in the mapped file and keeps it alive. That memory is read-only; weights are never
// written. Whatever is converted is given back to the system as soon as it is, so that loading
// needs hardly more memory than the result.
class WeightLoader {
 public:
  // `dtype` is kFloat or kBFloat16.
  WeightLoader(const TensorMap& tensors, at::ScalarType dtype, at::Device device,
               LoadProgress progress = nullptr);

  WeightLoader Narrow(absl::string_view prefix) const;
  bool Contains(absl::string_view name) const { return tensors_.Contains(name); }

  // Errors name the tensor; see TensorMap::Take. Block formats are dequantised.
  absl::StatusOr<at::Tensor> Take(absl::string_view name, std::vector<int64_t> shape);
  // The same in fp32: norms are small and their precision is free.
  absl::StatusOr<at::Tensor> TakeFloat(absl::string_view name, std::vector<int64_t> shape);
  // A query or key projection of a llama-type GGUF, whose rows were interleaved within each head
  // when the file was made: back to the order in which rotary halves stand one after the other.
  absl::StatusOr<at::Tensor> TakeRotary(absl::string_view name, std::vector<int64_t> shape,
                                        int64_t heads);

  at::ScalarType dtype() const { return dtype_; }
  at::Device device() const { return device_; }

 private:
  // One for a loader and all that were narrowed from it.
  struct Progress {
    LoadProgress report;
    int64_t done = 0;
    int64_t total = 0;
  };

  absl::StatusOr<at::Tensor> Load(absl::string_view name, const std::vector<int64_t>& shape,
                                  at::ScalarType dtype, int64_t rotary_heads);

  TensorMap tensors_;
  at::ScalarType dtype_;
  at::Device device_;
  std::shared_ptr<Progress> progress_;
};

}  // namespace steer

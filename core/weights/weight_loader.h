#pragma once

#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/files/tensor_map.h"

namespace steer {

// Hands out a model's tensors by name as libtorch tensors of one type on one device. Narrowed like
// TensorMap: each layer gets the loader narrowed to its own prefix. Not thread-safe.
class WeightLoader {
 public:
  // `dtype` is kFloat or kBFloat16.
  WeightLoader(TensorMap tensors, at::ScalarType dtype, at::Device device)
      : tensors_(std::move(tensors)), dtype_(dtype), device_(device) {}

  WeightLoader Narrow(absl::string_view prefix) const {
    return {tensors_.Narrow(prefix), dtype_, device_};
  }
  bool Contains(absl::string_view name) const { return tensors_.Contains(name); }

  // Errors name the tensor; see TensorMap::Take. Block formats are dequantised. The result owns its
  // memory.
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
  TensorMap tensors_;
  at::ScalarType dtype_;
  at::Device device_;
};

}  // namespace steer

#include "core/weights/weight_loader.h"

#include <algorithm>

#include "ATen/ATen.h"
#include "core/base/status_macros.h"
#include "core/weights/dequantize.h"

namespace steer {
namespace {

// Rows are dequantised in slices of about this many elements, so that loading needs little more
// memory than the result.
constexpr int64_t kSliceElements = 1 << 20;

absl::Status Fill(const StoredTensor& stored, at::Tensor& out) {
  at::Tensor flat = out.view({-1});
  const int64_t elements = flat.numel();
  const int64_t block = BlockElements(stored.encoding);
  const int64_t slice = std::max(block, kSliceElements / block * block);
  at::Tensor scratch = at::empty({std::min(slice, elements)}, at::dtype(at::kFloat));
  for (int64_t begin = 0; begin < elements; begin += slice) {
    const int64_t count = std::min(slice, elements - begin);
    const auto bytes = stored.bytes.subspan(begin / block * BlockBytes(stored.encoding),
                                            count / block * BlockBytes(stored.encoding));
    STEER_RETURN_IF_ERROR(Dequantize(stored.encoding, bytes,
                                     {scratch.data_ptr<float>(), static_cast<size_t>(count)}));
    flat.narrow(0, begin, count).copy_(scratch.narrow(0, 0, count));
  }
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> Load(TensorMap& tensors, absl::string_view name,
                                const std::vector<int64_t>& shape, at::ScalarType dtype,
                                at::Device device) {
  STEER_ASSIGN_OR_RETURN(const StoredTensor stored, tensors.Take(name, shape));
  at::Tensor out = at::empty(shape, at::dtype(dtype));
  STEER_RETURN_IF_ERROR(Fill(stored, out));
  return out.to(device);
}

}  // namespace

absl::StatusOr<at::Tensor> WeightLoader::Take(absl::string_view name, std::vector<int64_t> shape) {
  return Load(tensors_, name, shape, dtype_, device_);
}

absl::StatusOr<at::Tensor> WeightLoader::TakeFloat(absl::string_view name,
                                                   std::vector<int64_t> shape) {
  return Load(tensors_, name, shape, at::kFloat, device_);
}

absl::StatusOr<at::Tensor> WeightLoader::TakeRotary(absl::string_view name,
                                                    std::vector<int64_t> shape, int64_t heads) {
  STEER_ASSIGN_OR_RETURN(const at::Tensor interleaved,
                         Load(tensors_, name, shape, dtype_, device_));
  const int64_t half = shape[0] / heads / 2;
  return interleaved.view({heads, half, 2, shape[1]}).transpose(1, 2).reshape(shape).contiguous();
}

}  // namespace steer

#include "core/weights/weight_loader.h"

#include <algorithm>
#include <optional>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "core/weights/dequantize.h"

namespace steer {
namespace {

// Blocks are dequantised in slices of this many elements: enough to share among threads, and a
// slice in fp32 stays in the cache on its way to the result.
constexpr int64_t kSliceElements = 1 << 16;

// The libtorch type of plain floats; nullopt for block formats.
std::optional<at::ScalarType> PlainType(Encoding encoding) {
  switch (encoding) {
    case Encoding::kF32:
      return at::kFloat;
    case Encoding::kF16:
      return at::kHalf;
    case Encoding::kBF16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

// The stored numbers as a tensor over the file itself; undefined where that cannot be: in a block
// format, or where they are not aligned to their type.
at::Tensor InPlace(const StoredTensor& stored) {
  const std::optional<at::ScalarType> type = PlainType(stored.encoding);
  const auto* const data = stored.bytes.data();
  if (!type || reinterpret_cast<uintptr_t>(data) % c10::elementSize(*type) != 0) return {};
  return at::from_blob(
      const_cast<std::byte*>(data), stored.shape, [file = stored.file](void*) {}, at::dtype(*type));
}

// `slice` begins at element `begin`, which is the border of a block.
void FillSlice(const StoredTensor& stored, int64_t begin, const at::Tensor& slice) {
  const int64_t block = BlockElements(stored.encoding);
  const int64_t size = BlockBytes(stored.encoding);
  const int64_t count = slice.numel();
  const auto bytes = stored.bytes.subspan(begin / block * size, count / block * size);
  const auto elements = static_cast<size_t>(count);
  const bool direct = slice.scalar_type() == at::kFloat;
  std::vector<float> scratch(direct ? 0 : elements);
  float* const values = direct ? slice.data_ptr<float>() : scratch.data();
  STEER_CHECK(Dequantize(stored.encoding, bytes, {values, elements}).ok());
  if (!direct) slice.copy_(at::from_blob(values, {count}, at::dtype(at::kFloat)));
}

void Fill(const StoredTensor& stored, const at::Tensor& out) {
  const at::Tensor flat = out.view({-1});
  const int64_t elements = flat.numel();
  const int64_t block = BlockElements(stored.encoding);
  const int64_t slice = std::max(block, kSliceElements / block * block);
  at::parallel_for(0, (elements + slice - 1) / slice, 1, [&](int64_t from, int64_t to) {
    for (int64_t begin = from * slice; begin < std::min(to * slice, elements); begin += slice) {
      FillSlice(stored, begin, flat.narrow(0, begin, std::min(slice, elements - begin)));
    }
  });
}

at::Tensor HalvesTogether(const at::Tensor& interleaved, int64_t heads) {
  const int64_t rows = interleaved.size(0);
  return interleaved.view({heads, rows / heads / 2, 2, interleaved.size(1)})
      .transpose(1, 2)
      .reshape(interleaved.sizes());
}

}  // namespace

WeightLoader::WeightLoader(const TensorMap& tensors, at::ScalarType dtype, at::Device device,
                           LoadProgress progress)
    : tensors_(tensors),
      dtype_(dtype),
      device_(device),
      progress_(std::make_shared<Progress>(Progress{std::move(progress)})) {
  tensors.ForEach([this](const std::string&, const StoredTensor& tensor) {
    progress_->total += static_cast<int64_t>(tensor.bytes.size());
  });
}

WeightLoader WeightLoader::Narrow(absl::string_view prefix) const {
  WeightLoader narrowed = *this;
  narrowed.tensors_ = tensors_.Narrow(prefix);
  return narrowed;
}

absl::StatusOr<at::Tensor> WeightLoader::Load(absl::string_view name,
                                              const std::vector<int64_t>& shape,
                                              at::ScalarType dtype, int64_t rotary_heads) {
  STEER_ASSIGN_OR_RETURN(const StoredTensor stored, tensors_.Take(name, shape));
  at::Tensor weight = InPlace(stored);
  const bool in_place = weight.defined() && weight.scalar_type() == dtype && device_ == at::kCPU &&
                        stored.file != nullptr && rotary_heads == 0;
  if (!weight.defined()) {
    weight = at::empty(shape, at::dtype(dtype));
    Fill(stored, weight);
  } else if (!in_place) {
    weight = weight.to(dtype, /*non_blocking=*/false, /*copy=*/true);
  }
  if (rotary_heads > 0) weight = HalvesTogether(weight, rotary_heads);
  weight = weight.to(device_);
  if (!in_place && stored.file != nullptr) stored.file->Release(stored.bytes);
  progress_->done += static_cast<int64_t>(stored.bytes.size());
  if (progress_->report) progress_->report(progress_->done, progress_->total);
  return weight;
}

absl::StatusOr<at::Tensor> WeightLoader::Take(absl::string_view name, std::vector<int64_t> shape) {
  return Load(name, shape, dtype_, 0);
}

absl::StatusOr<at::Tensor> WeightLoader::TakeFloat(absl::string_view name,
                                                   std::vector<int64_t> shape) {
  return Load(name, shape, at::kFloat, 0);
}

absl::StatusOr<at::Tensor> WeightLoader::TakeRotary(absl::string_view name,
                                                    std::vector<int64_t> shape, int64_t heads) {
  return Load(name, shape, dtype_, heads);
}

}  // namespace steer

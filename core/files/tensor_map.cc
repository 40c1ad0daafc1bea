#include "core/files/tensor_map.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/host_tensor.h"
#include "core/base/quoted.h"
#include "core/base/status.h"

namespace steer {
namespace {

struct EncodingRow {
  absl::string_view name;
  int64_t elements;
  int64_t bytes;
  uint32_t gguf_type;
};

// In the order of the enum.
constexpr std::array<EncodingRow, 18> kEncodings = {{
    {"F32", 1, 4, 0},
    {"F16", 1, 2, 1},
    {"BF16", 1, 2, 30},
    {"Q4_0", 32, 18, 2},
    {"Q4_1", 32, 20, 3},
    {"Q5_0", 32, 22, 6},
    {"Q5_1", 32, 24, 7},
    {"Q8_0", 32, 34, 8},
    {"Q4_K", 256, 144, 12},
    {"Q5_K", 256, 176, 13},
    {"Q6_K", 256, 210, 14},
    {"Q2_K", 256, 84, 10},
    {"Q3_K", 256, 110, 11},
    {"IQ4_NL", 32, 18, 20},
    {"IQ4_XS", 256, 136, 23},
    {"TQ1_0", 256, 54, 34},
    {"TQ2_0", 256, 66, 35},
    {"MXFP4", 32, 17, 39},
}};

const EncodingRow& RowOf(Encoding encoding) { return kEncodings[static_cast<size_t>(encoding)]; }

}  // namespace

absl::string_view Name(Encoding encoding) { return RowOf(encoding).name; }
int64_t BlockElements(Encoding encoding) { return RowOf(encoding).elements; }
int64_t BlockBytes(Encoding encoding) { return RowOf(encoding).bytes; }

std::optional<Encoding> EncodingOfGgufType(uint32_t type) {
  for (size_t i = 0; i < kEncodings.size(); ++i) {
    if (kEncodings[i].gguf_type == type) return static_cast<Encoding>(i);
  }
  return std::nullopt;
}

std::optional<int64_t> StoredBytes(Encoding encoding, std::span<const int64_t> shape) {
  const EncodingRow& row = RowOf(encoding);
  const bool positive = std::all_of(shape.begin(), shape.end(), [](int64_t d) { return d > 0; });
  if (!positive || (shape.empty() ? 1 : shape.back()) % row.elements != 0) return std::nullopt;
  const std::optional<int64_t> elements = ElementCount(shape);
  int64_t bytes = 0;
  if (!elements || __builtin_mul_overflow(*elements / row.elements, row.bytes, &bytes)) {
    return std::nullopt;
  }
  return bytes;
}

StoredTensor Rows(const StoredTensor& tensor, int64_t begin, int64_t count) {
  StoredTensor rows = tensor;
  const auto row = tensor.bytes.size() / static_cast<size_t>(tensor.shape[0]);
  rows.shape[0] = count;
  rows.bytes = tensor.bytes.subspan(row * begin, row * count);
  return rows;
}

absl::Status TensorMap::Add(absl::string_view name, StoredTensor tensor) {
  std::string full = absl::StrCat(prefix_, name);
  const auto [at, added] = entries_->try_emplace(std::move(full), Entry{std::move(tensor)});
  if (added) return absl::OkStatus();
  return FieldError(
      absl::StatusCode::kAlreadyExists,
      {"DUPLICATE_TENSOR", "tensor", absl::StrCat(Quoted(at->first), " twice"), "each name once"});
}

TensorMap TensorMap::Narrow(absl::string_view prefix) const {
  TensorMap narrowed = *this;
  absl::StrAppend(&narrowed.prefix_, prefix);
  return narrowed;
}

const StoredTensor* TensorMap::Find(absl::string_view name) const {
  const auto found = entries_->find(absl::StrCat(prefix_, name));
  return found == entries_->end() ? nullptr : &found->second.tensor;
}

absl::StatusOr<StoredTensor> TensorMap::Take(absl::string_view name,
                                             std::span<const int64_t> shape) {
  const std::string full = absl::StrCat(prefix_, name);
  const std::string field = absl::StrCat("tensor ", Quoted(full));
  const auto found = entries_->find(full);
  if (found == entries_->end()) {
    return FieldError(
        absl::StatusCode::kNotFound,
        {"NOT_FOUND", field, "no such tensor", absl::StrCat("one of shape ", ShapeString(shape))});
  }
  Entry& entry = found->second;
  if (entry.taken) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"TENSOR_TAKEN", field, "a second taker", "one taker"});
  }
  if (!std::equal(shape.begin(), shape.end(), entry.tensor.shape.begin(),
                  entry.tensor.shape.end())) {
    return InvalidField(field, absl::StrCat("shape ", ShapeString(entry.tensor.shape)),
                        ShapeString(shape));
  }
  entry.taken = true;
  return entry.tensor;
}

std::vector<std::string> TensorMap::Untaken() const {
  std::vector<std::string> names;
  for (auto at = entries_->lower_bound(prefix_);
       at != entries_->end() && absl::StartsWith(at->first, prefix_); ++at) {
    if (!at->second.taken) names.push_back(at->first);
  }
  return names;
}

}  // namespace steer

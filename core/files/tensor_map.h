#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/files/mapped_file.h"

namespace steer {

// How the bytes of a stored tensor spell numbers: plain floats or a GGUF block format.
enum class Encoding : uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kQ2_K,
  kQ3_K,
  kIQ4_NL,
  kIQ4_XS,
  kTQ1_0,
  kTQ2_0,
  kMXFP4
};

absl::string_view Name(Encoding encoding);
// By the number GGUF files use; nullopt if it is none of ours.
std::optional<Encoding> EncodingOfGgufType(uint32_t type);
// Elements per block (1 for plain floats, 32 or 256) and bytes per block.
int64_t BlockElements(Encoding encoding);
int64_t BlockBytes(Encoding encoding);
// Bytes of a tensor of this shape; nullopt if a dimension is not positive, the innermost one is not
// a whole number of blocks, or the result overflows.
std::optional<int64_t> StoredBytes(Encoding encoding, std::span<const int64_t> shape);

// A tensor as it lies in a file: row-major, outermost dimension first (a linear weight is [out,
// in]).
struct StoredTensor {
  Encoding encoding = Encoding::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;  // keeps `bytes` alive; null: the caller does
};

// Rows [begin, begin + count) of the outermost dimension, in place.
StoredTensor Rows(const StoredTensor& tensor, int64_t begin, int64_t count);

// The tensors of one or more files by name, handed out once each, so that what nobody asked for can
// be reported. A narrowed map shares the bookkeeping of its parent. Not thread-safe.
class TensorMap {
 public:
  // `name` is the one seen through this view. ALREADY_EXISTS if there is such a tensor.
  absl::Status Add(absl::string_view name, StoredTensor tensor);

  // The view in which "blk.3.attn_q.weight" is "attn_q.weight", for prefix "blk.3.".
  TensorMap Narrow(absl::string_view prefix) const;

  bool Contains(absl::string_view name) const { return Find(name) != nullptr; }
  // To look at without taking it; nullptr if there is none. Lives as long as the map.
  const StoredTensor* Find(absl::string_view name) const;
  // NOT_FOUND with the full name; INVALID_ARGUMENT with both shapes if it is not `shape`, which
  // leaves it untaken; FAILED_PRECONDITION if it was taken before.
  absl::StatusOr<StoredTensor> Take(absl::string_view name, std::span<const int64_t> shape);

  // Calls fn(full name, stored tensor) for every tensor of the whole map, sorted by name; takes
  // nothing.
  template <typename Fn>
  void ForEach(Fn fn) const {
    for (const auto& [name, entry] : *entries_) fn(name, entry.tensor);
  }

  // Full names of the tensors in this view that nobody took, sorted.
  std::vector<std::string> Untaken() const;

 private:
  struct Entry {
    StoredTensor tensor;
    bool taken = false;
  };
  std::string prefix_;
  std::shared_ptr<std::map<std::string, Entry, std::less<>>> entries_ =
      std::make_shared<std::map<std::string, Entry, std::less<>>>();
};

}  // namespace steer

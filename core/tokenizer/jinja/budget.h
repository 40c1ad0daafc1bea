#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace steer::jinja {

// What one rendering may still cost. A template is a program from a file: without a limit it could
// run for ever or fill the memory.
class Budget {
 public:
  static constexpr int64_t kSteps = 4'000'000;
  static constexpr size_t kLongestText = size_t{64} << 20U;  // bytes
  static constexpr size_t kBytesPerStep = 256;

  absl::Status Spend(int64_t steps) {
    left_ -= steps;
    if (left_ >= 0) return absl::OkStatus();
    return absl::InvalidArgumentError("the template takes too many steps");
  }
  // For making or looking through a text of that many bytes.
  absl::Status SpendBytes(size_t bytes) {
    if (bytes > kLongestText) return absl::InvalidArgumentError("the text grows too long");
    return Spend(1 + static_cast<int64_t>(bytes / kBytesPerStep));
  }
  // For looking for `needle` bytes in `hay` bytes: at worst, every place is compared to its end.
  absl::Status SpendSearch(size_t hay, size_t needle) {
    constexpr size_t kComparedPerStep = 8192;
    return Spend(1 + static_cast<int64_t>(hay / 64 * (needle + 1) / (kComparedPerStep / 64)));
  }

 private:
  int64_t left_ = kSteps;
};

}  // namespace steer::jinja

#pragma once

#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace steer {

// The one place where libtorch's exceptions become statuses; used by the loader, the runner and the
// learners. `fn` returns absl::Status or absl::StatusOr<T>. Out of memory becomes
// RESOURCE_EXHAUSTED, an error of the device, after which nothing runs on it any more, UNAVAILABLE,
// anything else INTERNAL; with the first line of what was thrown.
// Needs no header of libtorch: what it throws are std::exceptions.
template <typename Fn>
std::invoke_result_t<Fn> CatchTorch(absl::string_view where, Fn&& fn) {
  try {
    return fn();
  } catch (const std::exception& error) {
    const std::string what = error.what();
    const std::string line = what.substr(0, what.find('\n'));
    const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                        line.find("out of memory") != std::string::npos ||
                        line.find("DefaultCPUAllocator") != std::string::npos;
    // Sticky: CUDA answers every later call with the same error.
    const bool device = line.find("CUDA error") != std::string::npos;
    const absl::StatusCode code = memory   ? absl::StatusCode::kResourceExhausted
                                  : device ? absl::StatusCode::kUnavailable
                                           : absl::StatusCode::kInternal;
    return absl::Status(code, absl::StrCat(where, ": ", line));
  }
}

}  // namespace steer

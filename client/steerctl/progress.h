#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace steer {

// "[##########..........] 20/40", for a bar of 20 columns.
std::string ProgressBar(int64_t done, int64_t total, int columns);

// A bar that stays in one line of a terminal; elsewhere a line each tenth of the way, so that logs
// stay short. On standard error: standard output is for the result. Not thread-safe.
class Progress {
 public:
  // True, so that it can end a callback of a stream.
  // `note` stands behind the bar.
  bool Show(absl::string_view label, int64_t done, int64_t total, absl::string_view note = "");
  // Takes the bar away, for a line of the result or for good.
  void Clear();
  // Leaves the bar as it is, and what follows begins a line of its own.
  void End() const;

 private:
  std::string label_;
  int64_t tenth_ = 0;
  bool shown_ = false;
};

}  // namespace steer

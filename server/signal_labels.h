#pragma once

#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "core/base/mutex.h"

namespace steer {

// Which signals have a metric label of their own: the first `max_labels` aliases that were used, so
// that callers cannot make the number of series grow without bound. Thread-safe.
class SignalLabels {
 public:
  explicit SignalLabels(int max_labels) : max_labels_(max_labels) {}

  // The alias itself, or "other" when there is no alias or no room.
  std::string Use(absl::string_view alias);
  // True for "other" and for labels in use.
  bool Has(absl::string_view label);
  // Makes room: the alias is gone.
  void Forget(absl::string_view alias);

 private:
  const size_t max_labels_;
  Mutex mutex_;
  std::set<std::string> labels_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace steer

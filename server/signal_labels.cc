#include "server/signal_labels.h"

namespace steer {

constexpr char kOther[] = "other";

std::string SignalLabels::Use(absl::string_view alias) {
  const MutexLock lock(mutex_);
  std::string label(alias);
  if (labels_.count(label) > 0) return label;
  if (label.empty() || label == kOther || labels_.size() >= max_labels_) return kOther;
  labels_.insert(label);
  return label;
}

bool SignalLabels::Has(absl::string_view label) {
  const MutexLock lock(mutex_);
  return label == kOther || labels_.count(std::string(label)) > 0;
}

void SignalLabels::Forget(absl::string_view alias) {
  const MutexLock lock(mutex_);
  labels_.erase(std::string(alias));
}

}  // namespace steer

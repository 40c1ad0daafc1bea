#include "core/runtime/live_generations.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace steer {

bool LiveGenerations::Add(RequestId id, Generation generation, int limit) {
  const MutexLock lock(mutex_);
  if (generation.completions > limit - completions_) return false;
  completions_ += generation.completions;
  const int open = generation.completions;
  entries_[id] = {std::move(generation), open};
  return true;
}

void LiveGenerations::Ended(RequestId id) {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  if (--completions_ == 0) idle_.NotifyAll();
  if (--found->second.open == 0) entries_.erase(found);
}

std::optional<LiveGenerations::Generation> LiveGenerations::Find(RequestId id) const {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  return found->second.generation;
}

absl::StatusOr<LiveGenerations::Change> LiveGenerations::Resolve(RequestId id,
                                                                 const std::string& signal,
                                                                 std::optional<double> m1,
                                                                 std::optional<double> m2) const {
  const std::optional<Generation> generation = Find(id);
  if (!generation) return NotFound("request_id", "running request", absl::StrCat(id));
  for (size_t i = 0; i < generation->controls.size(); ++i) {
    const Control& control = generation->controls[i];
    if (control.name != signal && control.signal_id != signal) continue;
    return Change{.generation = *generation,
                  .control = i,
                  .m1 = m1.value_or(control.m1),
                  .m2 = m2 ? *m2 : m1.value_or(control.m2)};
  }
  return NotFound("signal", "signal of this request", signal);
}

void LiveGenerations::Changed(RequestId id, const Change& change) {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Control& control = found->second.generation.controls[change.control];
  control.m1 = change.m1;
  control.m2 = change.m2;
}

bool LiveGenerations::AwaitIdle(Clock::time_point deadline) const {
  const MutexLock lock(mutex_);
  while (completions_ > 0 && idle_.WaitUntil(mutex_, deadline)) {
  }
  return completions_ == 0;
}

int LiveGenerations::completions() const {
  const MutexLock lock(mutex_);
  return completions_;
}

}  // namespace steer

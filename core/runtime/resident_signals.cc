#include "core/runtime/resident_signals.h"

#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {

ResidentSignals::ResidentSignals(SignalStore* store, ModelShape shape, at::ScalarType weight_type,
                                 at::Device device, int64_t budget_bytes)
    : store_(store),
      shape_(shape),
      weight_type_(weight_type),
      device_(device),
      budget_bytes_(budget_bytes) {}

absl::StatusOr<std::shared_ptr<const ControlSignal>> ResidentSignals::Get(const std::string& id) {
  {
    const MutexLock lock(mutex_);
    if (const auto it = slots_.find(id); it != slots_.end()) {
      recent_.splice(recent_.begin(), recent_, it->second.place);
      return it->second.signal;
    }
  }
  // Loaded outside the lock: a large file must not hold up requests whose signals are here. Two
  // threads may load the same signal; the first to come back wins.
  STEER_ASSIGN_OR_RETURN(const SignalData data, store_->Load(id));
  if (const absl::Status fits = Validate(data, shape_); !fits.ok()) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"OTHER_MODEL", "signal", id, "a signal made for this model's shape"});
  }
  using Result = absl::StatusOr<std::shared_ptr<const ControlSignal>>;
  STEER_ASSIGN_OR_RETURN(const std::shared_ptr<const ControlSignal> signal,
                         CatchTorch("loading a signal", [&]() -> Result {
                           return ControlSignal::Create(id, data, weight_type_, device_);
                         }));
  const MutexLock lock(mutex_);
  if (const auto it = slots_.find(id); it != slots_.end()) return it->second.signal;
  recent_.push_front(id);
  slots_[id] = {signal, recent_.begin()};
  bytes_ += signal->bytes();
  Evict();
  return signal;
}

void ResidentSignals::Drop(const std::string& id) {
  const MutexLock lock(mutex_);
  if (const auto slot = slots_.find(id); slot != slots_.end()) Remove(slot);
}

void ResidentSignals::Evict() {
  while (bytes_ > budget_bytes_ && recent_.size() > 1) Remove(slots_.find(recent_.back()));
}

void ResidentSignals::Remove(std::map<std::string, Slot>::iterator slot) {
  std::erase_if(left_, [](const auto& signal) { return signal.expired(); });
  left_.push_back(slot->second.signal);
  bytes_ -= slot->second.signal->bytes();
  recent_.erase(slot->second.place);
  slots_.erase(slot);
}

int ResidentSignals::lingering() const {
  const MutexLock lock(mutex_);
  std::erase_if(left_, [](const auto& signal) { return signal.expired(); });
  return static_cast<int>(left_.size());
}

int ResidentSignals::count() const {
  const MutexLock lock(mutex_);
  return static_cast<int>(slots_.size());
}

int64_t ResidentSignals::bytes() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace steer

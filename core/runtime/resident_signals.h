#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/control/control_signal.h"
#include "core/signal/site.h"
#include "core/store/signal_store.h"

namespace steer {

// Signals on the device, loaded from the store when first asked for; the least recently used leave
// when the budget is exceeded. A request keeps the signals it uses alive, whatever happens here.
// Thread-safe.
class ResidentSignals {
 public:
  ResidentSignals(SignalStore* store, ModelShape shape, at::ScalarType weight_type,
                  at::Device device, int64_t budget_bytes);

  // Errors are the store's; FAILED_PRECONDITION if the signal does not fit this model.
  absl::StatusOr<std::shared_ptr<const ControlSignal>> Get(const std::string& id);
  void Drop(const std::string& id);

  int count() const;
  int64_t bytes() const;
  // Signals that have left but that requests still use.
  int lingering() const;

 private:
  struct Slot {
    std::shared_ptr<const ControlSignal> signal;
    std::list<std::string>::iterator place;
  };
  void Evict() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(std::map<std::string, Slot>::iterator slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  SignalStore* const store_;
  const ModelShape shape_;
  const at::ScalarType weight_type_;
  const at::Device device_;
  const int64_t budget_bytes_;
  mutable Mutex mutex_;
  std::map<std::string, Slot> slots_ ABSL_GUARDED_BY(mutex_);
  std::list<std::string> recent_ ABSL_GUARDED_BY(mutex_);  // most recent first
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable std::vector<std::weak_ptr<const ControlSignal>> left_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace steer

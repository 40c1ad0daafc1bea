#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/base/mutex.h"
#include "core/runtime/specs.h"
#include "core/signal/positions.h"

namespace steer {

// The multipliers that requests really use, by signal version: what a probe measures. Multipliers
// are told apart by three significant digits. Thread-safe.
class SignalUse {
 public:
  struct Count {
    PositionRule positions;
    double m1 = 0;
    double m2 = 0;
    int64_t uses = 0;
  };

  // One request; what is off does not count.
  void Add(const std::vector<ResolvedControl>& controls);
  // Takes what has been counted of a version since the last time, the most used first, at most
  // `most` of it; of equals the one nearest to 0.
  std::vector<Count> Take(const std::string& signal_id, size_t most);

 private:
  // positions, m1, m2
  using Key = std::tuple<bool, bool, bool, bool, double, double>;
  // More than these of one signal are not told apart any more, and not counted.
  static constexpr size_t kMostKeys = 256;
  static constexpr size_t kMostSignals = 4096;

  Mutex mutex_;
  std::map<std::string, std::map<Key, int64_t>> signals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace steer

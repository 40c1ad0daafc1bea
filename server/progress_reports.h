#pragma once

#include <chrono>

#include "core/base/clock.h"

namespace steer {

// Progress is told ten times a second at most. Not thread-safe.
class ProgressReports {
 public:
  bool IsTime() {
    const Clock::time_point now = Clock::now();
    if (now < next_) return false;
    next_ = now + std::chrono::milliseconds(100);
    return true;
  }

 private:
  Clock::time_point next_;
};

}  // namespace steer

#pragma once

#include <chrono>

namespace steer {

// Durations and deadlines inside the process; never jumps.
using Clock = std::chrono::steady_clock;

inline double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Wall-clock time for what is stored or shown, in milliseconds since 1970-01-01 UTC.
inline int64_t UnixMillis() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace steer

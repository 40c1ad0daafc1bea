#pragma once

#include <stop_token>
#include <thread>

#include "core/base/mutex.h"

namespace steer {

// Ctrl-C (SIGINT) and SIGTERM. While armed, the first one stops the token, so that a call can be
// cancelled and its end still be shown; a second one, and any one while not armed, ends the
// program at once with exit code 130. Make it before any other thread: threads inherit the signal
// mask. One per process. Thread-safe.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token Arm();
  void Disarm();
  // Whether one came while it was last armed.
  bool stopped();

 private:
  void Wait();
  // What the next one stops: nothing while not armed.
  std::stop_source Target();
  bool closing();

  Mutex mutex_;
  bool armed_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::stop_source stop_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace steer

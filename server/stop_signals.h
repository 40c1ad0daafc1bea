#pragma once

#include <optional>
#include <thread>

#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace steer {

// Requests to stop: the first means drain, the second means now. Thread-safe.
class StopRequests {
 public:
  void Add();
  int count();
  // Waits until at least `count` have come (true) or `deadline` has passed (false).
  bool Await(int count, std::optional<Clock::time_point> deadline = std::nullopt);

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Turns SIGTERM and SIGINT into stop requests. Make it before any other thread exists: threads
// inherit the blocked signals, so that only the thread in here ever takes one.
class StopSignals {
 public:
  explicit StopSignals(StopRequests* requests);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Until then a signal ends the process at once, as it would by default: there is nothing to drain
  // while a model is being loaded.
  void ServingStarts();

 private:
  void Loop();

  StopRequests* const requests_;
  Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace steer

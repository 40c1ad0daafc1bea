#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace steer {

// An unbounded queue from many threads to one; bounds belong to admission, which can answer the
// caller. Thread-safe.
template <typename T>
class Mailbox {
 public:
  // False once closed; the item is then dropped.
  bool Put(T item) {
    const MutexLock lock(mutex_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    arrived_.NotifyOne();
    return true;
  }

  // Everything that has arrived, in order. With `wait`, sleeps until something arrives, `deadline`
  // passes or Close.
  std::vector<T> Take(bool wait, std::optional<Clock::time_point> deadline = std::nullopt) {
    const MutexLock lock(mutex_);
    while (wait && items_.empty() && !closed_) {
      if (!deadline) {
        arrived_.Wait(mutex_);
      } else if (!arrived_.WaitUntil(mutex_, *deadline)) {
        break;
      }
    }
    std::vector<T> taken(std::make_move_iterator(items_.begin()),
                         std::make_move_iterator(items_.end()));
    items_.clear();
    return taken;
  }

  // What is in the queue may still be taken; nothing more comes in.
  void Close() {
    const MutexLock lock(mutex_);
    closed_ = true;
    arrived_.NotifyAll();
  }

  bool closed() {
    const MutexLock lock(mutex_);
    return closed_;
  }

 private:
  Mutex mutex_;
  CondVar arrived_;
  std::deque<T> items_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace steer

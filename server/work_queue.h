#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/base/mutex.h"

namespace steer {

// A fixed number of threads and a bounded queue in front of them, for calls that block: gRPC's own
// threads must come back at once. Thread-safe.
class WorkQueue {
 public:
  using Work = std::function<void()>;

  // `name` is what a refused caller reads ("scores"). At most `max_waiting` pieces of work wait
  // while all threads are busy; 0 means that work is taken only by a free thread.
  WorkQueue(std::string name, int threads, int max_waiting);
  // Stop().
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // RESOURCE_EXHAUSTED with a retry delay when full, UNAVAILABLE after Stop; the work is then not
  // run. Otherwise it will be, exactly once.
  absl::Status Post(Work work);
  // Runs what was accepted, takes nothing more, joins the threads. Idempotent.
  void Stop();

 private:
  void Loop();

  const std::string name_;
  const int capacity_;  // running and waiting together
  Mutex mutex_;
  CondVar arrived_;
  std::deque<Work> waiting_ ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace steer

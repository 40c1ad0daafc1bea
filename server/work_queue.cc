#include "server/work_queue.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace steer {

constexpr int64_t kRetryMs = 1000;

WorkQueue::WorkQueue(std::string name, int threads, int max_waiting)
    : name_(std::move(name)), capacity_(threads + max_waiting) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

WorkQueue::~WorkQueue() { Stop(); }

absl::Status WorkQueue::Post(Work work) {
  const MutexLock lock(mutex_);
  if (stopped_) return absl::UnavailableError("the server is stopping");
  if (running_ + static_cast<int>(waiting_.size()) >= capacity_) {
    absl::Status full = FieldError(
        absl::StatusCode::kResourceExhausted,
        {"TOO_MANY_CALLS", name_, absl::StrCat(capacity_ + 1, " at once"),
         absl::StrCat("at most ", capacity_, " at once; try again in ", kRetryMs, " ms")});
    SetRetryDelayMs(full, kRetryMs);
    return full;
  }
  waiting_.push_back(std::move(work));
  arrived_.NotifyOne();
  return absl::OkStatus();
}

void WorkQueue::Stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    arrived_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkQueue::Loop() {
  while (true) {
    Work work;
    {
      const MutexLock lock(mutex_);
      while (waiting_.empty() && !stopped_) arrived_.Wait(mutex_);
      if (waiting_.empty()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
      ++running_;
    }
    work();
    work = nullptr;  // what it held goes before the place counts as free
    const MutexLock lock(mutex_);
    --running_;
  }
}

}  // namespace steer

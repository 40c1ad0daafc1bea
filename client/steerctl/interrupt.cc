#include "client/steerctl/interrupt.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>

namespace steer {
namespace {

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR1);  // wakes the waiting thread at the end
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t set = Watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { Wait(); });
}

Interrupt::~Interrupt() {
  {
    const MutexLock lock(mutex_);
    closing_ = true;
  }
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

std::stop_token Interrupt::Arm() {
  const MutexLock lock(mutex_);
  armed_ = true;
  stop_ = std::stop_source();
  return stop_.get_token();
}

void Interrupt::Disarm() {
  const MutexLock lock(mutex_);
  armed_ = false;
}

bool Interrupt::stopped() {
  const MutexLock lock(mutex_);
  return stop_.stop_requested();
}

bool Interrupt::closing() {
  const MutexLock lock(mutex_);
  return closing_;
}

std::stop_source Interrupt::Target() {
  const MutexLock lock(mutex_);
  return armed_ ? stop_ : std::stop_source(std::nostopstate);
}

void Interrupt::Wait() {
  const sigset_t set = Watched();
  while (true) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (closing()) return;
    // Not under the lock: request_stop runs the callbacks. False if there is nothing to stop or it
    // was stopped before.
    if (number != SIGUSR1 && !Target().request_stop()) _exit(130);
  }
}

}  // namespace steer

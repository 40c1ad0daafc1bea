#include "server/stop_signals.h"

#include <csignal>
#include <cstdlib>

namespace steer {
namespace {

sigset_t StopSet() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void StopRequests::Add() {
  const MutexLock lock(mutex_);
  ++count_;
  changed_.NotifyAll();
}

int StopRequests::count() {
  const MutexLock lock(mutex_);
  return count_;
}

bool StopRequests::Await(int count, std::optional<Clock::time_point> deadline) {
  const MutexLock lock(mutex_);
  while (count_ < count) {
    if (!deadline) {
      changed_.Wait(mutex_);
    } else if (!changed_.WaitUntil(mutex_, *deadline)) {
      return count_ >= count;
    }
  }
  return true;
}

StopSignals::StopSignals(StopRequests* requests) : requests_(requests) {
  const sigset_t set = StopSet();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { Loop(); });
}

StopSignals::~StopSignals() {
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  pthread_kill(thread_.native_handle(), SIGINT);
  thread_.join();
}

void StopSignals::ServingStarts() {
  const MutexLock lock(mutex_);
  serving_ = true;
}

void StopSignals::Loop() {
  const sigset_t set = StopSet();
  while (true) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) continue;
    {
      const MutexLock lock(mutex_);
      if (ended_) return;
      if (!serving_) std::_Exit(128 + signal);
    }
    requests_->Add();
  }
}

}  // namespace steer

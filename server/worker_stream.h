#pragma once

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/grpc_status.h"

namespace steer {

// A server stream that one worker thread feeds and may wait for: scores and watched jobs. It
// deletes itself when the call is over, which is not before End.
template <typename Response>
class WorkerStream final : public grpc::ServerWriteReactor<Response> {
 public:
  static constexpr Clock::duration kMaxWriteTime = std::chrono::seconds(10);

  explicit WorkerStream(grpc::CallbackServerContext* context) : context_(context) {}

  // Waits for the write before this one. False when the caller has left, or has not read that one
  // for kMaxWriteTime, which cancels the call.
  bool Write(Response response) {
    if (!AwaitWrite()) return false;
    message_ = std::move(response);
    {
      const MutexLock lock(mutex_);
      writing_ = true;
    }
    this->StartWrite(&message_);
    return true;
  }

  // Ends the call; the stream must not be touched any more.
  void End(absl::Status status) {
    if (!AwaitWrite() && status.ok()) status = absl::CancelledError("the caller has left");
    this->Finish(ToGrpcStatus(status, *context_));
  }

  // The caller has left.
  bool cancelled() {
    const MutexLock lock(mutex_);
    return cancelled_;
  }

  void OnWriteDone(bool ok) override {
    const MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) cancelled_ = true;
    changed_.NotifyAll();
  }

  void OnCancel() override {
    const MutexLock lock(mutex_);
    cancelled_ = true;
    changed_.NotifyAll();
  }

  void OnDone() override { delete this; }

 private:
  // True when nothing is being written and the caller is there. Afterwards nothing is being written
  // in any case: a cancelled call completes its write at once.
  bool AwaitWrite() {
    const Clock::time_point deadline = Clock::now() + kMaxWriteTime;
    bool in_time = true;
    {
      const MutexLock lock(mutex_);
      while (writing_ && in_time) in_time = changed_.WaitUntil(mutex_, deadline);
      if (!writing_) return !cancelled_;
    }
    context_->TryCancel();
    const MutexLock lock(mutex_);
    while (writing_) changed_.Wait(mutex_);
    return false;
  }

  grpc::CallbackServerContext* const context_;
  Response message_;
  Mutex mutex_;
  CondVar changed_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace steer

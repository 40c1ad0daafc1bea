#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mailbox.h"
#include "core/base/mutex.h"
#include "core/runtime/runtime.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/metrics.h"
#include "steer/v1/generation.pb.h"

namespace steer {

class GenerationStream;

// The thread that hands generated tokens to gRPC, so that the engine's thread never enters it: a
// write may run other calls' reactions. Once a second it also looks for readers that have stopped
// reading. Thread-safe.
class StreamWriter {
 public:
  StreamWriter();
  ~StreamWriter();
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  void Notify(std::shared_ptr<GenerationStream> stream) { mailbox_.Put(std::move(stream)); }

 private:
  void Loop();

  Mailbox<std::shared_ptr<GenerationStream>> mailbox_;
  std::thread thread_;
};

// One Generate call: takes the engine's events on one side, writes messages on the other, one at a
// time. Tokens that come while a write is under way are put together in one message, so a slow
// reader costs nobody anything; one that leaves more than kMaxUnreadBytes, or one write for longer
// than kMaxWriteTime, is cancelled alone.
//
// Threads: events on the engine's, reactions on gRPC's, the rest on the admission's and the
// writer's. It owns itself from Open until OnDone; the engine may hold it longer, and then only
// metrics hear of its events.
class GenerationStream final : public grpc::ServerWriteReactor<v1::GenerateResponse>,
                               public EventSink,
                               public std::enable_shared_from_this<GenerationStream> {
 public:
  static constexpr size_t kMaxUnreadBytes = size_t{256} * 1024;
  static constexpr Clock::duration kMaxWriteTime = std::chrono::seconds(10);

  GenerationStream(Runtime* runtime, std::shared_ptr<Metrics> metrics, StreamWriter* writer,
                   grpc::CallbackServerContext* context);

  // Once, before the reactor is given to gRPC.
  void Open() { self_ = shared_from_this(); }
  // Exactly one of the two follows; events may come before Admit. `signal_labels` are the controls'
  // labels in metrics.
  void Refuse(const absl::Status& status);
  void Admit(Admitted admitted, std::vector<std::string> signal_labels);
  bool cancelled();

  void OnToken(TokenEvent event) override;
  void OnFinished(FinishedEvent event) override;

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // For the writer alone. Turn writes what there is and sees to a reader that lags; true when it
  // was this stream's first.
  bool Turn();
  // Gives the reader up if a write has been under way for too long.
  void CheckReader(Clock::time_point now);

 private:
  enum class Next { kNothing, kWrite, kFinish };
  // The reader is too slow: the answer has a hole from now on and must not look whole.
  void MarkLagging(const char* why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the write that a lagging reader keeps from ending.
  void CancelIfLagging();
  Next Choose(absl::Status& end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Pump();
  void WakeWriter() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Runtime* const runtime_;
  const std::shared_ptr<Metrics> metrics_;
  StreamWriter* const writer_;
  grpc::CallbackServerContext* const context_;
  const Clock::time_point start_ = Clock::now();
  std::shared_ptr<GenerationStream> self_;
  std::optional<Clock::time_point> last_token_;  // engine thread only
  bool had_turn_ = false;                        // writer's thread only
  v1::GenerateResponse message_;                 // being written

  Mutex mutex_;
  std::optional<Admitted> admitted_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> signal_labels_ ABSL_GUARDED_BY(mutex_);
  bool started_sent_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_sent_ ABSL_GUARDED_BY(mutex_) = false;
  v1::GeneratedTokens unread_ ABSL_GUARDED_BY(mutex_);
  size_t unread_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<FinishedEvent> finished_ ABSL_GUARDED_BY(mutex_);
  std::optional<Clock::time_point> writing_since_ ABSL_GUARDED_BY(mutex_);
  bool writer_woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool lagging_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelling_ ABSL_GUARDED_BY(mutex_) = false;  // context_ in use: no Finish now
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;      // Finish is decided
};

}  // namespace steer

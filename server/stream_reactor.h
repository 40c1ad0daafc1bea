#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/runtime/runtime.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/completion_buffer.h"
#include "server/metrics.h"
#include "server/stream_writer.h"
#include "steer/v1/generation.pb.h"

namespace steer {

// One Generate call: takes the events of its completions on one side, writes messages on the other,
// one at a time. Tokens that come while a write is under way are put together in one message per
// completion, so a slow reader costs nobody anything; one that leaves more than kMaxUnreadBytes, or
// one write for longer than kMaxWriteTime, is cancelled alone. A completion that fails ends the
// call, and with it the others.
//
// Threads: events on the engines', reactions on gRPC's, the rest on the admission's and the
// writer's. It owns itself from Open until OnDone; its sinks may hold it longer, and then only
// metrics hear of their events.
class GenerationStream final : public grpc::ServerWriteReactor<v1::GenerateResponse>,
                               public std::enable_shared_from_this<GenerationStream> {
 public:
  static constexpr size_t kMaxUnreadBytes = size_t{256} * 1024;
  static constexpr Clock::duration kMaxWriteTime = std::chrono::seconds(10);

  GenerationStream(Runtime* runtime, std::shared_ptr<Metrics> metrics, StreamWriter* writer,
                   grpc::CallbackServerContext* context);

  // Once, before the reactor is given to gRPC.
  void Open() { self_ = shared_from_this(); }
  // For the runtime, once: where the events of the `n` completions go.
  std::vector<std::shared_ptr<EventSink>> Sinks(int n);
  // Exactly one of the two follows; events may come before Admit. `signal_labels` are the controls'
  // labels in metrics.
  void Refuse(const absl::Status& status);
  void Admit(Admitted admitted, std::vector<std::string> signal_labels);
  bool cancelled();

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // For the writer alone. Turn writes what there is and sees to a reader that lags; true when it
  // was this stream's first.
  bool Turn();
  // Gives the reader up if a write has been under way for too long.
  void CheckReader(Clock::time_point now);

 private:
  class Sink;
  enum class Next { kNothing, kWrite, kFinish };
  struct TokenTime {
    bool first = false;  // of its completion
    double seconds = 0;  // since the call, or since the token before
  };

  void OnPrompt(PromptEvent event);
  void OnToken(int completion, const TokenEvent& event, TokenTime time);
  void OnFinished(int completion, FinishedEvent event);

  void Count(TokenTime time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t UnreadBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AllFinished() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The reader is too slow: the answer has a hole from now on and must not look whole.
  void MarkLagging(const char* why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the write that a lagging reader keeps from ending.
  void CancelIfLagging();
  Next Choose(absl::Status& end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Next ChoosePrompt() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Pump();
  void WakeWriter() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Runtime* const runtime_;
  const std::shared_ptr<Metrics> metrics_;
  StreamWriter* const writer_;
  grpc::CallbackServerContext* const context_;
  const Clock::time_point start_ = Clock::now();
  std::shared_ptr<GenerationStream> self_;
  bool had_turn_ = false;         // writer's thread only
  v1::GenerateResponse message_;  // being written

  Mutex mutex_;
  std::optional<Admitted> admitted_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> signal_labels_ ABSL_GUARDED_BY(mutex_);
  std::vector<CompletionBuffer> completions_ ABSL_GUARDED_BY(mutex_);
  std::vector<TokenTime> early_times_ ABSL_GUARDED_BY(mutex_);  // before the pool was known
  std::optional<PromptEvent> prompt_ ABSL_GUARDED_BY(mutex_);
  bool started_sent_ ABSL_GUARDED_BY(mutex_) = false;
  bool prompt_settled_ ABSL_GUARDED_BY(mutex_) = false;  // sent, or never to be
  size_t next_completion_ ABSL_GUARDED_BY(mutex_) = 0;   // whose turn it is
  absl::Status end_ ABSL_GUARDED_BY(mutex_);             // how the call will end
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;          // end_ is final
  bool cancel_sent_ ABSL_GUARDED_BY(mutex_) = false;     // to the runtime, by Pump
  std::optional<Clock::time_point> writing_since_ ABSL_GUARDED_BY(mutex_);
  bool writer_woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool lagging_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelling_ ABSL_GUARDED_BY(mutex_) = false;  // context_ in use: no Finish now
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;      // Finish is decided
};

}  // namespace steer

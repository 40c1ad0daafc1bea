#include "server/stream_reactor.h"

#include <utility>

#include "core/base/status.h"
#include "server/answers.h"
#include "server/grpc_status.h"
#include "spdlog/spdlog.h"

namespace steer {

StreamWriter::StreamWriter() : thread_([this] { Loop(); }) {}

StreamWriter::~StreamWriter() {
  mailbox_.Close();
  thread_.join();
}

void StreamWriter::Loop() {
  constexpr Clock::duration kSweepPeriod = std::chrono::seconds(1);
  std::vector<std::weak_ptr<GenerationStream>> live;
  Clock::time_point next_sweep = Clock::now() + kSweepPeriod;
  while (!mailbox_.closed()) {
    std::optional<Clock::time_point> wake;
    if (!live.empty()) wake = next_sweep;
    for (const std::shared_ptr<GenerationStream>& stream : mailbox_.Take(/*wait=*/true, wake)) {
      if (stream->Turn()) live.push_back(stream);
    }
    const Clock::time_point now = Clock::now();
    if (now < next_sweep) continue;
    next_sweep = now + kSweepPeriod;
    std::erase_if(live, [](const auto& stream) { return stream.expired(); });
    for (const auto& weak : live) {
      if (const std::shared_ptr<GenerationStream> stream = weak.lock()) stream->CheckReader(now);
    }
  }
}

GenerationStream::GenerationStream(Runtime* runtime, std::shared_ptr<Metrics> metrics,
                                   StreamWriter* writer, grpc::CallbackServerContext* context)
    : runtime_(runtime), metrics_(std::move(metrics)), writer_(writer), context_(context) {}

void GenerationStream::Refuse(const absl::Status& status) {
  {
    const MutexLock lock(mutex_);
    closed_ = true;
  }
  Finish(ToGrpcStatus(status, *context_));
}

void GenerationStream::Admit(Admitted admitted, std::vector<std::string> signal_labels) {
  RequestId to_cancel = 0;
  {
    const MutexLock lock(mutex_);
    if (cancelled_) to_cancel = admitted.id;
    admitted_ = std::move(admitted);
    signal_labels_ = std::move(signal_labels);
    if (finished_) metrics_->Finished(*finished_, signal_labels_);
    WakeWriter();
  }
  if (to_cancel != 0) runtime_->Cancel(to_cancel);
}

bool GenerationStream::cancelled() {
  const MutexLock lock(mutex_);
  return cancelled_;
}

void GenerationStream::OnToken(TokenEvent event) {
  const Clock::time_point now = Clock::now();
  if (last_token_) {
    metrics_->NextToken(std::chrono::duration<double>(now - *last_token_).count());
  } else {
    metrics_->FirstToken(std::chrono::duration<double>(now - start_).count());
  }
  last_token_ = now;
  const MutexLock lock(mutex_);
  if (closed_ || lagging_) return;
  unread_bytes_ += event.text.size() + sizeof(event.token) + sizeof(float);
  unread_.mutable_text()->append(event.text);
  unread_.add_ids(event.token);
  if (event.log_prob) unread_.add_log_probs(*event.log_prob);
  // While a write is under way its end takes what has come; before the first it is not the reader
  // who keeps things waiting.
  if (!writing_since_) {
    WakeWriter();
  } else if (unread_bytes_ > kMaxUnreadBytes) {
    MarkLagging("more than 256 KiB unread");
    WakeWriter();
  }
}

void GenerationStream::OnFinished(FinishedEvent event) {
  const MutexLock lock(mutex_);
  if (admitted_) metrics_->Finished(event, signal_labels_);
  if (closed_) return;
  unread_.mutable_text()->append(event.tail_text);
  finished_ = std::move(event);
  WakeWriter();
}

void GenerationStream::OnWriteDone(bool ok) {
  {
    const MutexLock lock(mutex_);
    writing_since_.reset();
    if (!ok) cancelled_ = true;
  }
  Pump();
}

void GenerationStream::OnCancel() {
  RequestId to_cancel = 0;
  {
    const MutexLock lock(mutex_);
    cancelled_ = true;
    if (closed_) return;  // whoever closed it has cancelled the request
    if (admitted_) to_cancel = admitted_->id;
    WakeWriter();
  }
  if (to_cancel != 0) runtime_->Cancel(to_cancel);
}

void GenerationStream::OnDone() {
  // The last owner may be this function.
  const std::shared_ptr<GenerationStream> self = std::move(self_);
}

void GenerationStream::WakeWriter() {
  if (writer_woken_) return;
  writer_woken_ = true;
  writer_->Notify(shared_from_this());
}

bool GenerationStream::Turn() {
  {
    const MutexLock lock(mutex_);
    writer_woken_ = false;
  }
  CancelIfLagging();
  Pump();
  return !std::exchange(had_turn_, true);
}

void GenerationStream::CheckReader(Clock::time_point now) {
  {
    const MutexLock lock(mutex_);
    if (!writing_since_ || now - *writing_since_ <= kMaxWriteTime) return;
    if (!lagging_) MarkLagging("no message read for 10 s");
  }
  CancelIfLagging();
  Pump();
}

void GenerationStream::MarkLagging(const char* why) {
  lagging_ = true;
  unread_.Clear();
  spdlog::warn("RESOURCE_EXHAUSTED: request {} is cancelled, its reader is too slow: {}",
               admitted_ ? admitted_->id : 0, why);
}

void GenerationStream::CancelIfLagging() {
  {
    const MutexLock lock(mutex_);
    // Without a write under way, Pump ends the call with a status the reader can still see.
    if (!lagging_ || !writing_since_ || closed_ || cancelled_) return;
    cancelling_ = true;
  }
  context_->TryCancel();
  const MutexLock lock(mutex_);
  cancelling_ = false;
}

// What to do now; fills message_ or `end`. No write is under way.
GenerationStream::Next GenerationStream::Choose(absl::Status& end) {
  if (lagging_) {
    end = absl::ResourceExhaustedError("the reader is too slow");
    return Next::kFinish;
  }
  if (cancelled_) {
    end = absl::CancelledError("the caller has left");
    return Next::kFinish;
  }
  if (!started_sent_) {
    started_sent_ = true;
    *message_.mutable_started() = ToProto(*admitted_);
    return Next::kWrite;
  }
  if (unread_.ids_size() > 0 || !unread_.text().empty()) {
    message_.mutable_tokens()->Swap(&unread_);
    unread_.Clear();
    unread_bytes_ = 0;
    return Next::kWrite;
  }
  if (!finished_) return Next::kNothing;
  end = finished_->status;
  // A generation that its deadline ended is still an answer, with a receipt.
  const bool is_answer = end.ok() || finished_->reason == FinishReason::kDeadline;
  if (finished_sent_ || !is_answer) return Next::kFinish;
  // Not together with the status: a reader that never takes it could then not be given up.
  finished_sent_ = true;
  *message_.mutable_finished() = ToProto(*admitted_, *finished_);
  return Next::kWrite;
}

void GenerationStream::Pump() {
  const std::shared_ptr<GenerationStream> self = shared_from_this();
  Next next = Next::kNothing;
  RequestId to_cancel = 0;
  absl::Status end;
  {
    const MutexLock lock(mutex_);
    if (!admitted_ || writing_since_ || cancelling_ || closed_) return;
    next = Choose(end);
    if (next == Next::kWrite) writing_since_ = Clock::now();
    if (next == Next::kFinish) closed_ = true;
    if (closed_ && !finished_) to_cancel = admitted_->id;
  }
  // Outside the lock: gRPC may run our own reactions in here.
  if (to_cancel != 0) runtime_->Cancel(to_cancel);
  if (next == Next::kWrite) StartWrite(&message_);
  if (next == Next::kFinish) Finish(ToGrpcStatus(end, *context_));
}

}  // namespace steer

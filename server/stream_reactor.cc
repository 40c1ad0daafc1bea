#include "server/stream_reactor.h"

#include <algorithm>

#include "core/base/status.h"
#include "server/answers.h"
#include "server/grpc_status.h"
#include "spdlog/spdlog.h"

namespace steer {

// One completion's end of the stream. Engine thread only.
class GenerationStream::Sink final : public EventSink {
 public:
  Sink(std::shared_ptr<GenerationStream> stream, int completion)
      : stream_(std::move(stream)), completion_(completion), last_(stream_->start_) {}

  // All completions have the same prompt: the first one tells of it.
  void OnPrompt(PromptEvent event) override {
    if (completion_ == 0) stream_->OnPrompt(std::move(event));
  }
  void OnToken(TokenEvent event) override {
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    stream_->OnToken(completion_, event, {std::exchange(first_, false), seconds});
  }
  void OnFinished(FinishedEvent event) override {
    stream_->OnFinished(completion_, std::move(event));
  }

 private:
  const std::shared_ptr<GenerationStream> stream_;
  const int completion_;
  Clock::time_point last_;
  bool first_ = true;
};

GenerationStream::GenerationStream(Runtime* runtime, std::shared_ptr<Metrics> metrics,
                                   StreamWriter* writer, grpc::CallbackServerContext* context)
    : runtime_(runtime), metrics_(std::move(metrics)), writer_(writer), context_(context) {}

std::vector<std::shared_ptr<EventSink>> GenerationStream::Sinks(int n) {
  std::vector<std::shared_ptr<EventSink>> sinks;
  const MutexLock lock(mutex_);
  for (int i = 0; i < n; ++i) {
    completions_.emplace_back(i);
    sinks.push_back(std::make_shared<Sink>(shared_from_this(), i));
  }
  return sinks;
}

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
    for (const TokenTime& time : std::exchange(early_times_, {})) Count(time);
    for (const CompletionBuffer& completion : completions_) {
      if (!completion.finished()) continue;
      metrics_->Finished(admitted_->pool, *completion.finished(), signal_labels_);
    }
    WakeWriter();
  }
  if (to_cancel != 0) runtime_->Cancel(to_cancel);
}

bool GenerationStream::cancelled() {
  const MutexLock lock(mutex_);
  return cancelled_;
}

void GenerationStream::Count(TokenTime time) {
  if (!admitted_) {
    early_times_.push_back(time);
  } else if (time.first) {
    metrics_->FirstToken(admitted_->pool, time.seconds);
  } else {
    metrics_->NextToken(admitted_->pool, time.seconds);
  }
}

size_t GenerationStream::UnreadBytes() const {
  size_t bytes = 0;
  for (const CompletionBuffer& completion : completions_) bytes += completion.bytes();
  return bytes;
}

bool GenerationStream::AllFinished() const {
  return std::all_of(completions_.begin(), completions_.end(),
                     [](const CompletionBuffer& one) { return one.finished().has_value(); });
}

void GenerationStream::OnPrompt(PromptEvent event) {
  const MutexLock lock(mutex_);
  if (closed_ || lagging_ || failed_) return;
  prompt_ = std::move(event);
  if (!writing_since_) WakeWriter();
}

void GenerationStream::OnToken(int completion, const TokenEvent& event, TokenTime time) {
  const MutexLock lock(mutex_);
  Count(time);
  if (closed_ || lagging_ || failed_) return;
  completions_[completion].Add(event);
  // While a write is under way its end takes what has come; before the first it is not the reader
  // who keeps things waiting.
  if (!writing_since_) {
    WakeWriter();
  } else if (UnreadBytes() > kMaxUnreadBytes) {
    MarkLagging("more than 256 KiB unread");
    WakeWriter();
  }
}

void GenerationStream::OnFinished(int completion, FinishedEvent event) {
  const MutexLock lock(mutex_);
  if (admitted_) metrics_->Finished(admitted_->pool, event, signal_labels_);
  if (!failed_ && !event.status.ok()) {
    failed_ = !IsAnswer(event);
    end_ = event.status;
  }
  completions_[completion].Finish(std::move(event));
  if (!closed_) WakeWriter();
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
  for (CompletionBuffer& completion : completions_) completion.DropTokens();
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
  if (admitted_->prompt && !prompt_settled_) {
    const Next next = ChoosePrompt();
    if (next == Next::kWrite || !prompt_settled_) return next;
  }
  // The last messages do not go together with the status: a reader that never takes one could then
  // not be given up.
  for (size_t i = 0; i < completions_.size(); ++i) {
    CompletionBuffer& completion = completions_[next_completion_];
    next_completion_ = (next_completion_ + 1) % completions_.size();
    if (completion.Take(*admitted_, message_)) return Next::kWrite;
  }
  end = end_;
  return failed_ || AllFinished() ? Next::kFinish : Next::kNothing;
}

GenerationStream::Next GenerationStream::ChoosePrompt() {
  const bool with_log_probs = admitted_->sampling.prompt_log_probs.has_value();
  if (with_log_probs && !prompt_) {
    // Never to come, if what was to tell it has ended.
    prompt_settled_ = failed_ || completions_.front().finished().has_value();
    return Next::kNothing;
  }
  prompt_settled_ = true;
  *message_.mutable_prompt() = ToProto(*admitted_->prompt, prompt_ ? &*prompt_ : nullptr);
  prompt_.reset();
  return Next::kWrite;
}

void GenerationStream::Pump() {
  const std::shared_ptr<GenerationStream> self = shared_from_this();
  Next next = Next::kNothing;
  RequestId to_cancel = 0;
  absl::Status end;
  {
    const MutexLock lock(mutex_);
    if (!admitted_) return;
    if (!writing_since_ && !cancelling_ && !closed_) next = Choose(end);
    if (next == Next::kWrite) writing_since_ = Clock::now();
    if (next == Next::kFinish) closed_ = true;
    if ((closed_ || failed_) && !AllFinished() && !std::exchange(cancel_sent_, true)) {
      to_cancel = admitted_->id;
    }
  }
  // Outside the lock: gRPC may run our own reactions in here.
  if (to_cancel != 0) runtime_->Cancel(to_cancel);
  if (next == Next::kWrite) StartWrite(&message_);
  if (next == Next::kFinish) Finish(ToGrpcStatus(end, *context_));
}

}  // namespace steer

#include "core/runtime/worker_pool.h"

#include <utility>

#include "core/base/status_macros.h"

namespace steer {
namespace {

SchedulerOptions With(SchedulerOptions options, std::shared_ptr<PrefixIndex> prefixes) {
  options.prefix_index = std::move(prefixes);
  return options;
}

}  // namespace

// Passes everything on and keeps the pool's counts.
class WorkerPool::Sink final : public EventSink {
 public:
  Sink(WorkerPool* pool, std::shared_ptr<EventSink> inner, int prompt_tokens)
      : pool_(pool), inner_(std::move(inner)), prompt_tokens_(prompt_tokens) {
    pool_->prompt_tokens_ += prompt_tokens_;
  }
  void OnPrompt(PromptEvent event) override { inner_->OnPrompt(std::move(event)); }
  void OnToken(TokenEvent event) override {
    PromptIsComputed();
    inner_->OnToken(std::move(event));
  }
  void OnFinished(FinishedEvent event) override {
    PromptIsComputed();
    // Before the caller hears of it: who has the last answer finds the pool at rest.
    --pool_->in_flight_;
    inner_->OnFinished(std::move(event));
  }

 private:
  void PromptIsComputed() { pool_->prompt_tokens_ -= std::exchange(prompt_tokens_, 0); }

  WorkerPool* const pool_;
  const std::shared_ptr<EventSink> inner_;
  int prompt_tokens_;
};

WorkerPool::WorkerPool(Parts parts)
    : name_(std::move(parts.name)),
      block_size_(parts.options.block_size),
      cache_format_(parts.options.cache_format),
      prefixes_(std::make_shared<PrefixIndex>(parts.options.groups, block_size_)),
      load_(std::move(parts.load)),
      engine_(With(std::move(parts.options), prefixes_), parts.tokenizer, std::move(parts.runner),
              std::move(parts.on_thread)) {}

absl::Status WorkerPool::Submit(std::unique_ptr<Request> request) {
  if (absl::Status loaded = load_(request->controls); !loaded.ok()) {
    GiveBack(1);
    return loaded;
  }
  const int tokens = static_cast<int>(request->tokens.size());
  request->sink = std::make_shared<Sink>(this, std::move(request->sink), tokens);
  engine_.Submit(std::move(request));
  return absl::OkStatus();
}

bool WorkerPool::CanComputeWithin(int tokens, double seconds) const {
  const double needed =
      static_cast<double>(prompt_tokens_ + tokens) * engine_.stats().prompt_seconds_per_token;
  return needed <= seconds;
}

}  // namespace steer

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/schedule/event.h"

namespace steer {

// Keeps everything that came. Thread-safe.
class RecordingSink final : public EventSink {
 public:
  void OnPrompt(PromptEvent event) override {
    MutexLock lock(mutex_);
    late_prompts_ += finished_.empty() && tokens_.empty() ? 0 : 1;
    prompts_.push_back(std::move(event));
  }

  void OnToken(TokenEvent event) override {
    MutexLock lock(mutex_);
    late_tokens_ += finished_.empty() ? 0 : 1;
    tokens_.push_back(std::move(event));
  }

  void OnFinished(FinishedEvent event) override {
    MutexLock lock(mutex_);
    finished_.push_back(std::move(event));
    changed_.NotifyAll();
  }

  // Sleeps until the request has finished.
  FinishedEvent Wait() {
    MutexLock lock(mutex_);
    while (finished_.empty()) changed_.Wait(mutex_);
    return finished_.front();
  }

  int finished_count() {
    MutexLock lock(mutex_);
    return static_cast<int>(finished_.size());
  }

  // Tokens that came after the last event.
  int late_tokens() {
    MutexLock lock(mutex_);
    return late_tokens_;
  }

  std::vector<PromptEvent> prompts() {
    MutexLock lock(mutex_);
    return prompts_;
  }

  // Prompts that came after a token or the last event.
  int late_prompts() {
    MutexLock lock(mutex_);
    return late_prompts_;
  }

  std::vector<TokenEvent> tokens() {
    MutexLock lock(mutex_);
    return tokens_;
  }

  // The whole answer: the tokens' text and the tail.
  std::string text() {
    MutexLock lock(mutex_);
    std::string text;
    for (const TokenEvent& token : tokens_) text += token.text;
    if (!finished_.empty()) text += finished_.front().tail_text;
    return text;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<PromptEvent> prompts_ ABSL_GUARDED_BY(mutex_);
  std::vector<TokenEvent> tokens_ ABSL_GUARDED_BY(mutex_);
  std::vector<FinishedEvent> finished_ ABSL_GUARDED_BY(mutex_);
  int late_prompts_ ABSL_GUARDED_BY(mutex_) = 0;
  int late_tokens_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace steer

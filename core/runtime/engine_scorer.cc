#include "core/runtime/engine_scorer.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr size_t kWindow = 64;  // requests in the engine at once
constexpr std::chrono::milliseconds kCancelPoll(100);

// Collects the ends of a call's requests. Shared with the sinks, which may outlive the call when it
// is cancelled.
struct Collected {
  Mutex mutex;
  CondVar changed;
  std::vector<std::optional<FinishedEvent>> finished ABSL_GUARDED_BY(mutex);
  size_t open ABSL_GUARDED_BY(mutex) = 0;
};

class CollectingSink final : public EventSink {
 public:
  CollectingSink(std::shared_ptr<Collected> collected, size_t index)
      : collected_(std::move(collected)), index_(index) {}
  void OnToken(TokenEvent /*event*/) override {}
  void OnFinished(FinishedEvent event) override {
    const MutexLock lock(collected_->mutex);
    collected_->finished[index_] = std::move(event);
    --collected_->open;
    collected_->changed.NotifyOne();
  }

 private:
  const std::shared_ptr<Collected> collected_;
  const size_t index_;
};

// Waits until fewer than `limit` requests are open; false when `cancelled` answers true first.
bool WaitBelow(Collected& collected, size_t limit, const std::function<bool()>& cancelled) {
  while (true) {
    if (cancelled()) return false;
    const MutexLock lock(collected.mutex);
    if (collected.open < limit) return true;
    collected.changed.WaitUntil(collected.mutex, Clock::now() + kCancelPoll);
  }
}

}  // namespace

absl::StatusOr<std::vector<std::vector<double>>> EngineScorer::LogProbs(
    const std::vector<ForcedText>& texts, double multiplier,
    const std::function<bool()>& cancelled) {
  const ControlSet controls = controls_.Scaled(multiplier);
  const auto collected = std::make_shared<Collected>();
  {
    const MutexLock lock(collected->mutex);
    collected->finished.resize(texts.size());
  }
  std::vector<std::pair<WorkerPool*, RequestId>> sent;
  const auto cancel_all = [&sent] {
    for (const auto& [pool, id] : sent) pool->engine().Cancel(id);
  };
  bool stopped = false;
  for (size_t i = 0; i < texts.size() && !stopped; ++i) {
    stopped = !WaitBelow(*collected, kWindow, cancelled);
    if (stopped) break;
    auto request = std::make_unique<Request>();
    request->id = (*next_id_)++;
    request->kind = RequestKind::kScoring;
    request->request_class = RequestClass::kBackground;
    request->tokens = texts[i].tokens;
    request->layout = texts[i].layout;
    request->controls = controls;
    request->arrival = Clock::now();
    request->sink = std::make_shared<CollectingSink>(collected, i);
    absl::StatusOr<WorkerPool*> pool = dispatcher_->Choose(*request);
    if (!pool.ok()) {
      cancel_all();
      return std::move(pool).status();
    }
    sent.emplace_back(*pool, request->id);
    {
      const MutexLock lock(collected->mutex);
      ++collected->open;
    }
    if (absl::Status submitted = (*pool)->Submit(std::move(request)); !submitted.ok()) {
      cancel_all();
      return submitted;
    }
  }
  if (stopped || !WaitBelow(*collected, 1, cancelled)) {
    cancel_all();
    return absl::CancelledError("scoring was cancelled");
  }
  std::vector<std::vector<double>> log_probs;
  const MutexLock lock(collected->mutex);
  for (std::optional<FinishedEvent>& event : collected->finished) {
    STEER_RETURN_IF_ERROR(event->status);
    log_probs.push_back(std::move(event->forced_log_probs));
  }
  return log_probs;
}

}  // namespace steer

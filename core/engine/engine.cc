#include "core/engine/engine.h"

#include <algorithm>
#include <utility>

namespace steer {

struct Engine::PendingUnit {
  explicit PendingUnit(Unit unit) : unit(std::move(unit)) {}

  void Finish(absl::Status result) {
    const MutexLock lock(mutex);
    status = std::move(result);
    finished = true;
    changed.NotifyAll();
  }

  // Once. Moved out, not copied: copies share a count in a library that ThreadSanitizer cannot see.
  absl::Status Wait() {
    const MutexLock lock(mutex);
    while (!finished) changed.Wait(mutex);
    return std::move(status);
  }

  const Unit unit;
  Mutex mutex;
  CondVar changed;
  bool finished ABSL_GUARDED_BY(mutex) = false;
  absl::Status status ABSL_GUARDED_BY(mutex);
};

namespace {

absl::Status Stopped() { return absl::UnavailableError("the engine has stopped"); }

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};

}  // namespace

Engine::Engine(SchedulerOptions options, const Tokenizer* tokenizer, std::unique_ptr<Runner> runner)
    : scheduler_(options, tokenizer), runner_(std::move(runner)) {
  stats_.kv_blocks_total = scheduler_.blocks().total();
  thread_ = std::thread([this] { Loop(); });
}

Engine::~Engine() { Stop(); }

void Engine::Submit(std::unique_ptr<Request> request) {
  const std::shared_ptr<EventSink> sink = request->sink;
  FinishedEvent refused;
  refused.reason = FinishReason::kError;
  refused.prompt_tokens = request->layout.prompt_length;
  if (commands_.Put(std::move(request))) return;
  refused.status = Stopped();
  sink->OnFinished(std::move(refused));
}

void Engine::Cancel(RequestId id) { commands_.Put(CancelCommand{id}); }

absl::Status Engine::RunUnit(Unit unit) {
  const auto pending = std::make_shared<PendingUnit>(std::move(unit));
  if (!commands_.Put(pending)) return absl::CancelledError("the engine has stopped");
  return pending->Wait();
}

void Engine::Stop() {
  commands_.Close();
  const MutexLock lock(thread_mutex_);
  if (thread_.joinable()) thread_.join();
}

EngineStats Engine::stats() const {
  const MutexLock lock(stats_mutex_);
  return stats_;
}

void Engine::Loop() {
  while (!commands_.closed()) {
    const bool nothing_to_do = scheduler_.idle() && units_.empty();
    Apply(commands_.Take(/*wait=*/nothing_to_do, scheduler_.NextDeadline()));
    const Clock::time_point now = Clock::now();
    scheduler_.Sweep(now);
    const Batch batch = scheduler_.Schedule(now);
    PublishGauges();
    if (!batch.empty()) RunStep(batch);
    RunOneUnit();
  }
  EndEverything();
}

void Engine::Apply(std::vector<Command> commands) {
  for (Command& command : commands) {
    std::visit(Overloaded{
                   [&](std::unique_ptr<Request>& request) { scheduler_.Add(std::move(request)); },
                   [&](const CancelCommand& cancel) { scheduler_.Cancel(cancel.id); },
                   [&](std::shared_ptr<PendingUnit>& unit) { units_.push_back(std::move(unit)); },
               },
               command);
  }
}

void Engine::RunStep(const Batch& batch) {
  const Clock::time_point start = Clock::now();
  const absl::StatusOr<StepResult> result = runner_->Run(batch);
  CountStep(batch, result, SecondsSince(start));  // Update ends sequences: count before
  scheduler_.Update(batch, result, Clock::now());
  PublishGauges();
}

void Engine::RunOneUnit() {
  if (units_.empty()) return;
  const std::shared_ptr<PendingUnit> pending = std::move(units_.front());
  units_.pop_front();
  pending->Finish(pending->unit());
}

void Engine::EndEverything() {
  // The mailbox is closed: what is in it now is all there will ever be.
  Apply(commands_.Take(/*wait=*/false));
  scheduler_.Abort(Stopped(), Clock::now());
  PublishGauges();
  for (const auto& pending : units_) {
    pending->Finish(absl::CancelledError("the engine stopped before the unit ran"));
  }
  units_.clear();
}

void Engine::CountStep(const Batch& batch, const absl::StatusOr<StepResult>& result,
                       double seconds) {
  const MutexLock lock(stats_mutex_);
  ++stats_.steps;
  stats_.busy_seconds += seconds;
  if (!result.ok()) return;
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    const EntryResult& entry_result = result->entries[i];
    if (!entry_result.status.ok()) continue;
    const BatchEntry& entry = batch.entries[i];
    const int given = static_cast<int>(entry.sequence->request->tokens.size());
    stats_.prompt_tokens += std::clamp(given - entry.begin, 0, entry.count);
    stats_.generated_tokens += entry_result.token.has_value() ? 1 : 0;
    for (const SteeredTokens& steered : entry_result.steered) {
      stats_.steered_rows += steered.prompt + steered.generated;
    }
  }
}

void Engine::PublishGauges() {
  const MutexLock lock(stats_mutex_);
  stats_.running = scheduler_.running();
  stats_.waiting = scheduler_.waiting();
  stats_.kv_blocks_used = scheduler_.blocks().used();
}

}  // namespace steer

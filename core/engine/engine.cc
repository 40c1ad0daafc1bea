#include "core/engine/engine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/overloaded.h"
#include "core/base/status.h"

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

struct Engine::MultiplierCommand {
  MultiplierCommand(RequestId id, size_t control, double m1, double m2)
      : id(id), control(control), m1(m1), m2(m2) {}

  void Finish(std::optional<int> result) {
    const MutexLock lock(mutex);
    position = result;
    finished = true;
    changed.NotifyAll();
  }

  std::optional<int> Wait() {
    const MutexLock lock(mutex);
    while (!finished) changed.Wait(mutex);
    return position;
  }

  const RequestId id;
  const size_t control;
  const double m1;
  const double m2;
  Mutex mutex;
  CondVar changed;
  bool finished ABSL_GUARDED_BY(mutex) = false;
  std::optional<int> position ABSL_GUARDED_BY(mutex);
};

namespace {

absl::Status Stopped() { return absl::UnavailableError("the engine has stopped"); }

absl::Status DeviceLost(const absl::Status& status) {
  return absl::UnavailableError(
      absl::StrCat("the device has failed: ", std::string(status.message())));
}

}  // namespace

Engine::Engine(SchedulerOptions options, const Tokenizer* tokenizer, std::unique_ptr<Runner> runner,
               std::function<void()> on_thread)
    : on_thread_(std::move(on_thread)),
      unit_share_(options.background_share),
      scheduler_(std::move(options), tokenizer),
      runner_(std::move(runner)) {
  for (const BlockPool& blocks : scheduler_.block_pools()) stats_.kv_blocks_total += blocks.total();
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

absl::StatusOr<int> Engine::SetMultipliers(RequestId id, size_t control, double m1, double m2) {
  const auto command = std::make_shared<MultiplierCommand>(id, control, m1, m2);
  if (!commands_.Put(command)) return Stopped();
  if (const std::optional<int> position = command->Wait()) return *position;
  return NotFound("request_id", "request", absl::StrCat(id));
}

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
  if (on_thread_) on_thread_();
  while (!commands_.closed()) {
    const bool nothing_to_do = scheduler_.idle() && units_.empty();
    Apply(commands_.Take(/*wait=*/nothing_to_do, scheduler_.NextDeadline()));
    if (!lost_.ok()) {
      EndEverything(lost_);
      continue;
    }
    const Clock::time_point now = Clock::now();
    scheduler_.Sweep(now);
    const Batch batch = scheduler_.Schedule(now);
    Publish();
    if (!batch.empty()) RunStep(batch);
    if (UnitsMayRun()) RunOneUnit();
  }
  // The mailbox is closed: what is in it now is all there will ever be.
  Apply(commands_.Take(/*wait=*/false));
  EndEverything(Stopped());
}

void Engine::Apply(std::vector<Command> commands) {
  for (Command& command : commands) {
    std::visit(
        Overloaded{
            [&](std::unique_ptr<Request>& request) { scheduler_.Add(std::move(request)); },
            [&](const CancelCommand& cancel) { scheduler_.Cancel(cancel.id); },
            [&](const std::shared_ptr<MultiplierCommand>& set) {
              set->Finish(scheduler_.SetMultipliers(set->id, set->control, set->m1, set->m2));
            },
            [&](std::shared_ptr<PendingUnit>& unit) { units_.push_back(std::move(unit)); },
        },
        command);
  }
}

void Engine::RunStep(const Batch& batch) {
  const Clock::time_point start = Clock::now();
  const absl::StatusOr<StepResult> result = runner_->Run(batch);
  const double seconds = SecondsSince(start);
  CountStep(batch, result, seconds);  // Update ends sequences: count before
  scheduler_.Update(batch, result, Clock::now(), seconds);
  unit_share_.StepRan(seconds);
  CheckDevice(result.status());
  Publish();
}

bool Engine::UnitsMayRun() const {
  return !units_.empty() && unit_share_.MayRun(scheduler_.Has(RequestClass::kInteractive));
}

void Engine::RunOneUnit() {
  const std::shared_ptr<PendingUnit> pending = std::move(units_.front());
  units_.pop_front();
  const Clock::time_point start = Clock::now();
  absl::Status status = pending->unit();
  const double seconds = SecondsSince(start);
  unit_share_.UnitRan(seconds);
  {
    const MutexLock lock(stats_mutex_);
    ++stats_.units;
    stats_.unit_seconds += seconds;
  }
  CheckDevice(status);
  pending->Finish(std::move(status));
}

void Engine::CheckDevice(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return;
  lost_ = DeviceLost(status);
  EndEverything(lost_);
}

void Engine::EndEverything(const absl::Status& why) {
  scheduler_.Abort(why, Clock::now());
  Publish();
  for (const auto& pending : units_) {
    pending->Finish(lost_.ok() ? absl::CancelledError("the engine stopped before the unit ran")
                               : lost_);
  }
  units_.clear();
}

void Engine::CountStep(const Batch& batch, const absl::StatusOr<StepResult>& result,
                       double seconds) {
  const MutexLock lock(stats_mutex_);
  ++stats_.steps;
  stats_.busy_seconds += seconds;
  if (!result.ok()) return;
  const int64_t prompt_tokens_before = stats_.prompt_tokens;
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
  // Small steps and those that mostly decode say nothing of what a prompt costs.
  constexpr int kEnoughRows = 16;
  constexpr double kNewest = 0.2;
  const int rows = batch.rows();
  if (rows < kEnoughRows || 2 * (stats_.prompt_tokens - prompt_tokens_before) < rows) return;
  double& cost = stats_.prompt_seconds_per_token;
  cost = cost == 0 ? seconds / rows : (1 - kNewest) * cost + kNewest * seconds / rows;
}

void Engine::Publish() {
  const MutexLock lock(stats_mutex_);
  stats_.running = scheduler_.running();
  stats_.waiting = scheduler_.waiting();
  stats_.kv_blocks_used = stats_.kv_blocks_cached = 0;
  stats_.kv_usage = 0;
  for (const BlockPool& blocks : scheduler_.block_pools()) {
    stats_.kv_blocks_used += blocks.used();
    stats_.kv_blocks_cached += blocks.cached();
    const double used = blocks.used();
    if (used > 0) stats_.kv_usage = std::max(stats_.kv_usage, used / blocks.total());
  }
  stats_.failed = !lost_.ok();
  stats_.reused_tokens = scheduler_.counts().reused_tokens;
  stats_.preemptions = scheduler_.counts().preemptions;
}

}  // namespace steer

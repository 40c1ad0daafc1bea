#include "core/schedule/scheduler.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/check.h"

namespace steer {
namespace {

// What acted, or would have first if the sequence had run: not what was planned for positions that
// it never reached.
std::vector<MultiplierRun> ActedRuns(const ControlEntry& control, int positions) {
  std::vector<MultiplierRun> runs = control.multipliers;
  while (runs.size() > 1 && runs.back().position >= positions) runs.pop_back();
  return runs;
}

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

template <typename Visitor>
void Scheduler::ForEach(Visitor visit) const {
  for (const auto& sequence : running_) visit(*sequence);
  for (const auto& sequence : interactive_) visit(*sequence);
  for (const auto& sequence : background_) visit(*sequence);
}

Scheduler::Scheduler(SchedulerOptions options, const Tokenizer* tokenizer)
    : options_(std::move(options)),
      blocks_(options_),
      chunk_sizer_(options_.step_seconds),
      shares_(options_.background_share, options_.step_tokens),
      tokenizer_(tokenizer) {
  STEER_CHECK(options_.step_tokens >= 1 && options_.max_sequences >= 1 &&
              options_.context_limit >= 1);
  STEER_CHECK(options_.background_share > 0 && options_.background_share < 1);
}

bool Scheduler::Has(RequestClass request_class) const {
  bool found = false;
  ForEach([&](const Sequence& sequence) {
    found = found || sequence.request->request_class == request_class;
  });
  return found;
}

Scheduler::Queue& Scheduler::QueueOf(RequestClass request_class) {
  return request_class == RequestClass::kInteractive ? interactive_ : background_;
}

void Scheduler::Add(std::unique_ptr<Request> request) {
  Queue& queue = QueueOf(request->request_class);
  const BlockKey root = RootKey(request->tenant, options_.cache_format);
  queue.push_back(std::make_unique<Sequence>(std::move(request), tokenizer_, root));
  queue.back()->order = next_order_++;
  queue.back()->tables.resize(options_.groups.size());
}

Sequence* Scheduler::Find(RequestId id) const {
  Sequence* found = nullptr;
  ForEach([&](Sequence& sequence) {
    if (sequence.request->id == id) found = &sequence;
  });
  return found;
}

bool Scheduler::Cancel(RequestId id) {
  Sequence* const sequence = Find(id);
  if (sequence == nullptr) return false;
  sequence->cancelled = true;
  return true;
}

std::optional<int> Scheduler::SetMultipliers(RequestId id, size_t control, double m1, double m2) {
  Sequence* const sequence = Find(id);
  if (sequence == nullptr || control >= sequence->request->controls.size()) return std::nullopt;
  return sequence->SetMultipliers(control, m1, m2, options_.block_size);
}

void Scheduler::Sweep(Clock::time_point now) {
  ForEach([&](Sequence& sequence) {
    if (sequence.cancelled) {
      Finish(sequence, FinishReason::kCancelled, absl::CancelledError("the request was cancelled"),
             now);
    } else if (sequence.request->deadline && *sequence.request->deadline <= now) {
      Finish(sequence, FinishReason::kDeadline,
             absl::DeadlineExceededError("the request's deadline passed"), now);
    } else if (sequence.ended) {
      Finish(sequence, *sequence.ended, absl::OkStatus(), now);
    }
  });
  RemoveFinished();
}

void Scheduler::Update(const Batch& batch, const absl::StatusOr<StepResult>& result,
                       Clock::time_point now, double seconds) {
  STEER_CHECK(!result.ok() || result->entries.size() == batch.entries.size());
  if (result.ok()) chunk_sizer_.Observe(batch.rows(), seconds);
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    const absl::Status& status = result.ok() ? result->entries[i].status : result.status();
    if (status.ok()) {
      Book(batch.entries[i], result->entries[i], now);
    } else {
      Finish(*batch.entries[i].sequence, FinishReason::kError, status, now);
    }
  }
  RemoveFinished();
}

void Scheduler::Book(const BatchEntry& entry, EntryResult result, Clock::time_point now) {
  Sequence& sequence = *entry.sequence;
  const Request& request = *sequence.request;
  sequence.computed = entry.end();
  sequence.high_water = std::max(sequence.high_water, sequence.computed);
  blocks_.Computed(sequence);
  STEER_CHECK(result.steered.size() <= sequence.steered.size());
  for (size_t i = 0; i < result.steered.size(); ++i) {
    sequence.steered[i].prompt += result.steered[i].prompt;
    sequence.steered[i].generated += result.steered[i].generated;
  }
  std::move(result.forced_log_probs.begin(), result.forced_log_probs.end(),
            std::back_inserter(sequence.forced_log_probs));
  std::move(result.forced_top.begin(), result.forced_top.end(),
            std::back_inserter(sequence.forced_top));
  if (request.sampling.prompt_log_probs && !sequence.prompt_told &&
      sequence.computed >= request.layout.prompt_length) {
    sequence.prompt_told = true;
    request.sink->OnPrompt(
        {std::exchange(sequence.forced_log_probs, {}), std::exchange(sequence.forced_top, {})});
  }
  std::optional<FinishReason> reason;
  if (entry.samples) {
    STEER_CHECK(result.token.has_value());
    if (!sequence.first_token) sequence.first_token = now;
    reason = sequence.Accept(*result.token, result.log_prob, std::move(result.top),
                             options_.context_limit);
  } else if (request.scoring() && sequence.remaining() == 0) {
    const PositionRange forced = request.forced();
    STEER_CHECK(static_cast<int>(sequence.forced_log_probs.size()) == forced.end - forced.begin);
    reason = FinishReason::kScored;
  }
  if (reason) Finish(sequence, *reason, absl::OkStatus(), now);
}

void Scheduler::Abort(const absl::Status& status, Clock::time_point now) {
  ForEach([&](Sequence& sequence) { Finish(sequence, FinishReason::kError, status, now); });
  RemoveFinished();
}

void Scheduler::Finish(Sequence& sequence, FinishReason reason, absl::Status status,
                       Clock::time_point now) {
  blocks_.Release(sequence);
  sequence.finished = true;

  const Request& request = *sequence.request;
  FinishedEvent event;
  event.reason = reason;
  event.status = std::move(status);
  event.tail_text = std::move(sequence.held_text) + sequence.detokenizer.Flush();
  event.prompt_tokens = request.layout.prompt_length;
  event.generated_tokens = std::max(0, sequence.generated - request.resumed());
  event.reused_prompt_tokens = sequence.reused_prompt_tokens;
  event.preemptions = sequence.preemptions;
  event.steered = std::move(sequence.steered);
  for (const ControlEntry& control : request.controls) {
    event.multipliers.push_back(ActedRuns(control, sequence.high_water));
  }
  if (request.scoring()) event.forced_log_probs = std::move(sequence.forced_log_probs);
  event.queue_seconds = Seconds(sequence.first_step.value_or(now) - request.arrival);
  if (sequence.first_token) {
    event.first_token_seconds = Seconds(*sequence.first_token - request.arrival);
  }
  event.total_seconds = Seconds(now - request.arrival);
  request.sink->OnFinished(std::move(event));
}

void Scheduler::RemoveFinished() {
  const auto is_finished = [](const auto& sequence) { return sequence->finished; };
  std::erase_if(running_, is_finished);
  std::erase_if(interactive_, is_finished);
  std::erase_if(background_, is_finished);
}

// All positions the sequence can ever occupy.
int Scheduler::PositionsNeeded(const Sequence& sequence) const {
  const Request& request = *sequence.request;
  const int given = static_cast<int>(request.tokens.size());
  if (request.scoring()) return given;
  const int64_t longest = int64_t{request.layout.prompt_length} + request.sampling.max_tokens;
  return std::max(given, static_cast<int>(std::min<int64_t>(longest, options_.context_limit)));
}

std::optional<Clock::time_point> Scheduler::NextDeadline() const {
  std::optional<Clock::time_point> next;
  ForEach([&](const Sequence& sequence) {
    const std::optional<Clock::time_point>& deadline = sequence.request->deadline;
    if (deadline && (!next || *deadline < *next)) next = deadline;
  });
  return next;
}

}  // namespace steer

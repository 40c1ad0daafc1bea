#include "core/schedule/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/status.h"

namespace steer {
namespace {

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

absl::Status DoesNotFit(int positions, int context_limit, int pool_positions) {
  return FieldError(absl::StatusCode::kResourceExhausted,
                    {"DOES_NOT_FIT", "prompt", absl::StrCat(positions, " positions"),
                     absl::StrCat("a context of ", context_limit, " and a KV cache of ",
                                  pool_positions, " positions")});
}

}  // namespace

template <typename Visitor>
void Scheduler::ForEach(Visitor visit) const {
  for (const auto& sequence : running_) visit(*sequence);
  for (const auto& sequence : interactive_) visit(*sequence);
  for (const auto& sequence : background_) visit(*sequence);
}

Scheduler::Scheduler(SchedulerOptions options, const Tokenizer* tokenizer)
    : options_(options), blocks_(options.block_count, options.block_size), tokenizer_(tokenizer) {
  STEER_CHECK(options.step_tokens >= 1 && options.max_sequences >= 1 && options.context_limit >= 1);
}

void Scheduler::Add(std::unique_ptr<Request> request) {
  auto& queue = request->request_class == RequestClass::kInteractive ? interactive_ : background_;
  queue.push_back(std::make_unique<Sequence>(std::move(request), tokenizer_));
}

bool Scheduler::Cancel(RequestId id) {
  bool found = false;
  ForEach([&](Sequence& sequence) {
    if (sequence.request->id != id) return;
    sequence.cancelled = true;
    found = true;
  });
  return found;
}

void Scheduler::Sweep(Clock::time_point now) {
  ForEach([&](Sequence& sequence) {
    if (sequence.cancelled) {
      Finish(sequence, FinishReason::kCancelled, absl::CancelledError("the request was cancelled"),
             now);
    } else if (sequence.request->deadline && *sequence.request->deadline <= now) {
      Finish(sequence, FinishReason::kDeadline,
             absl::DeadlineExceededError("the request's deadline passed"), now);
    }
  });
  RemoveFinished();
}

Batch Scheduler::Schedule(Clock::time_point now) {
  // Work that nobody competed for is not held against a class later.
  if (!Has(RequestClass::kInteractive) || !Has(RequestClass::kBackground)) background_lag_ = 0;
  StartWaiting(now);

  Batch batch;
  // A quarter of the budget; what rounding takes in one step comes back in another.
  const int quarter = (options_.step_tokens + (background_lag_ > 0 ? 3 : 0)) / 4;
  const int reserved = std::min(Demand(RequestClass::kBackground), quarter);
  const int interactive =
      Plan(RequestClass::kInteractive, options_.step_tokens - reserved, now, batch);
  const int background =
      Plan(RequestClass::kBackground, options_.step_tokens - interactive, now, batch);
  // Bounded, so that a long time of one kind of load does not decide over a long time after it.
  const int64_t bound = int64_t{4} * options_.step_tokens;
  background_lag_ =
      std::clamp(background_lag_ + interactive - 3 * int64_t{background}, -bound, bound);
  return batch;
}

// Moves waiting sequences to running_ while there are rows, blocks and tokens for them. A head
// whose turn it is and that does not fit stops this for both classes: what is freed from here on is
// kept for it.
void Scheduler::StartWaiting(Clock::time_point now) {
  const int budget = options_.step_tokens;
  const int background_share = (budget + 3) / 4;
  int interactive_demand = Demand(RequestClass::kInteractive);
  int background_demand = Demand(RequestClass::kBackground);
  while (running() < options_.max_sequences) {
    const bool interactive = !interactive_.empty() && interactive_demand < budget;
    const bool background =
        !background_.empty() &&
        background_demand < std::max(background_share, budget - interactive_demand);
    if (!interactive && !background) return;
    const bool background_turn = background && (!interactive || background_lag_ > 0);
    auto& queue = background_turn ? background_ : interactive_;
    Sequence& head = *queue.front();
    const int positions = PositionsNeeded(head);
    const int pool_positions = blocks_.total() * blocks_.block_size();
    if (positions > std::min(pool_positions, options_.context_limit)) {
      Finish(head, FinishReason::kError,
             DoesNotFit(positions, options_.context_limit, pool_positions), now);
      queue.pop_front();
      continue;
    }
    std::optional<std::vector<int>> blocks = blocks_.Allocate(blocks_.BlocksFor(positions));
    if (!blocks) return;
    head.blocks = *std::move(blocks);
    (background_turn ? background_demand : interactive_demand) += head.remaining();
    running_.push_back(std::move(queue.front()));
    queue.pop_front();
  }
}

bool Scheduler::Has(RequestClass request_class) const {
  bool found = false;
  ForEach([&](const Sequence& sequence) {
    found = found || sequence.request->request_class == request_class;
  });
  return found;
}

// Tokens the class could run in this step.
int Scheduler::Demand(RequestClass request_class) const {
  int64_t demand = 0;
  for (const auto& sequence : running_) {
    if (sequence->request->request_class == request_class) demand += sequence->remaining();
  }
  return static_cast<int>(std::min<int64_t>(demand, options_.step_tokens));
}

// Adds entries of one class, decode first, and answers how many tokens they run.
int Scheduler::Plan(RequestClass request_class, int budget, Clock::time_point now, Batch& batch) {
  int used = 0;
  for (const bool decode : {true, false}) {
    for (const auto& sequence : running_) {
      if (sequence->request->request_class != request_class) continue;
      if ((sequence->generated > 0) != decode || used == budget) continue;
      BatchEntry entry;
      entry.sequence = sequence.get();
      entry.begin = sequence->computed;
      entry.count = std::min(sequence->remaining(), budget - used);
      entry.samples = !sequence->request->scoring() && entry.count == sequence->remaining();
      batch.entries.push_back(entry);
      used += entry.count;
      if (!sequence->first_step) sequence->first_step = now;
    }
  }
  return used;
}

void Scheduler::Update(const Batch& batch, const absl::StatusOr<StepResult>& result,
                       Clock::time_point now) {
  STEER_CHECK(!result.ok() || result->entries.size() == batch.entries.size());
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

void Scheduler::Book(const BatchEntry& entry, const EntryResult& result, Clock::time_point now) {
  Sequence& sequence = *entry.sequence;
  sequence.computed += entry.count;
  STEER_CHECK(result.steered.size() <= sequence.steered.size());
  for (size_t i = 0; i < result.steered.size(); ++i) {
    sequence.steered[i].prompt += result.steered[i].prompt;
    sequence.steered[i].generated += result.steered[i].generated;
  }
  sequence.forced_log_probs.insert(sequence.forced_log_probs.end(), result.forced_log_probs.begin(),
                                   result.forced_log_probs.end());
  std::optional<FinishReason> reason;
  if (entry.samples) {
    STEER_CHECK(result.token.has_value());
    if (!sequence.first_token) sequence.first_token = now;
    reason = sequence.Accept(*result.token, result.log_prob, options_.context_limit);
  } else if (sequence.request->scoring() && sequence.remaining() == 0) {
    const size_t forced = sequence.tokens.size() - sequence.request->layout.prompt_length;
    STEER_CHECK(sequence.forced_log_probs.size() == forced);
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
  blocks_.Free(sequence.blocks);
  sequence.blocks.clear();
  sequence.finished = true;

  const Request& request = *sequence.request;
  FinishedEvent event;
  event.reason = reason;
  event.status = std::move(status);
  event.tail_text = std::move(sequence.held_text) + sequence.detokenizer.Flush();
  event.prompt_tokens = request.layout.prompt_length;
  event.generated_tokens = sequence.generated;
  event.steered = std::move(sequence.steered);
  event.forced_log_probs = std::move(sequence.forced_log_probs);
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
  const int length = static_cast<int>(sequence.tokens.size());
  if (sequence.request->scoring()) return length;
  const int64_t longest = int64_t{length} + sequence.request->sampling.max_tokens;
  return std::max(length, static_cast<int>(std::min<int64_t>(longest, options_.context_limit)));
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

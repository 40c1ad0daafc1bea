#include "core/schedule/scheduler.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>
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

int RowsOf(const Batch& batch, RequestClass request_class) {
  int rows = 0;
  for (const BatchEntry& entry : batch.entries) {
    if (entry.sequence->request->request_class == request_class) rows += entry.count;
  }
  return rows;
}

}  // namespace

template <typename Visitor>
void Scheduler::ForEach(Visitor visit) const {
  for (const auto& sequence : running_) visit(*sequence);
  for (const auto& sequence : interactive_) visit(*sequence);
  for (const auto& sequence : background_) visit(*sequence);
}

Scheduler::Scheduler(SchedulerOptions options, const Tokenizer* tokenizer)
    : options_(std::move(options)),
      blocks_(options_.block_count, options_.block_size, options_.prefix_index),
      chunk_sizer_(options_.step_seconds),
      tokenizer_(tokenizer) {
  STEER_CHECK(options_.step_tokens >= 1 && options_.max_sequences >= 1 &&
              options_.context_limit >= 1);
  STEER_CHECK(options_.background_share > 0 && options_.background_share < 1);
}

Scheduler::Queue& Scheduler::QueueOf(RequestClass request_class) {
  return request_class == RequestClass::kInteractive ? interactive_ : background_;
}

void Scheduler::Add(std::unique_ptr<Request> request) {
  Queue& queue = QueueOf(request->request_class);
  const BlockKey root = RootKey(request->tenant, options_.cache_format);
  queue.push_back(std::make_unique<Sequence>(std::move(request), tokenizer_, root));
  queue.back()->order = next_order_++;
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

Batch Scheduler::Schedule(Clock::time_point now) {
  // Work that nobody competed for is not held against a class later.
  if (!Has(RequestClass::kInteractive) || !Has(RequestClass::kBackground)) background_lag_ = 0;
  while (true) {
    StartWaiting(now);
    Batch batch = PlanStep(now);
    RequeuePreempted();
    // Everybody may have made room for somebody who then had to make room, too. What is free now is
    // enough for the next in turn.
    if (!batch.empty() || idle()) return batch;
  }
}

Batch Scheduler::PlanStep(Clock::time_point now) {
  Batch batch;
  being_computed_.clear();
  const int budget = StepBudget();
  // The background's share of the budget; what rounding takes in one step comes back in another.
  const double share = options_.background_share * budget;
  const int reserved = std::min(Demand(RequestClass::kBackground),
                                static_cast<int>(background_lag_ > 0 ? std::ceil(share) : share));
  const int interactive = Plan(RequestClass::kInteractive, budget - reserved, now, batch);
  const int background = Plan(RequestClass::kBackground, budget - interactive, now, batch);
  // Bounded, so that a long time of one kind of load does not decide over a long time after it.
  const double bound = 4 * options_.background_share * options_.step_tokens;
  background_lag_ += options_.background_share * RowsOf(batch, RequestClass::kInteractive) -
                     (1 - options_.background_share) * background;
  background_lag_ = std::clamp(background_lag_, -bound, bound);
  return batch;
}

// Rows of this step. Where somebody decodes, no more than end within the bound, but always the
// decoding ones and a block of somebody's prompt.
int Scheduler::StepBudget() const {
  int decoding = 0;
  for (const auto& sequence : running_) decoding += sequence->is_decoding() ? 1 : 0;
  if (decoding == 0) return options_.step_tokens;
  const int within = chunk_sizer_.RowsWithin(options_.step_tokens);
  return std::min(options_.step_tokens, std::max(within, decoding + options_.block_size));
}

// Moves waiting sequences to running_ while there are rows, blocks and tokens for them. A head
// whose turn it is and that does not fit stops this for both classes: what is freed from here on is
// kept for it.
void Scheduler::StartWaiting(Clock::time_point now) {
  const int budget = options_.step_tokens;
  const int background_share = static_cast<int>(std::ceil(options_.background_share * budget));
  int interactive_demand = Demand(RequestClass::kInteractive);
  int background_demand = Demand(RequestClass::kBackground);
  while (running() < options_.max_sequences) {
    const bool interactive = !interactive_.empty() && interactive_demand < budget;
    const bool background =
        !background_.empty() &&
        background_demand < std::max(background_share, budget - interactive_demand);
    if (!interactive && !background) return;
    const bool background_turn = background && (!interactive || background_lag_ > 0);
    Queue& queue = background_turn ? background_ : interactive_;
    Sequence& head = *queue.front();
    const int positions = PositionsNeeded(head);
    const int pool_positions = blocks_.total() * blocks_.block_size();
    if (positions > std::min(pool_positions, options_.context_limit)) {
      Finish(head, FinishReason::kError,
             DoesNotFit(positions, options_.context_limit, pool_positions), now);
      queue.pop_front();
      continue;
    }
    if (!CanStart(head)) return;
    Reuse(head);
    (background_turn ? background_demand : interactive_demand) += head.remaining();
    running_.push_back(std::move(queue.front()));
    queue.pop_front();
  }
}

// Whether there are blocks for all it holds so far and its next token, beside one for each sequence
// that runs: more of a start than a preemption would soon take back.
bool Scheduler::CanStart(Sequence& sequence) {
  const int size = options_.block_size;
  int needed = blocks_.BlocksFor(
      std::min(static_cast<int>(sequence.tokens.size()) + 1, PositionsNeeded(sequence)));
  for (int block = 0; options_.prefix_cache && (block + 1) * size <= sequence.ReuseLimit();
       ++block) {
    if (!blocks_.InUse(sequence.Key(block, size))) break;
    --needed;
  }
  return blocks_.available() >= needed + (running_.empty() ? 0 : running());
}

// Takes over the blocks that follow what the sequence has, as far as the cache holds them.
void Scheduler::Reuse(Sequence& sequence) {
  const int size = options_.block_size;
  if (!options_.prefix_cache) return;
  while (sequence.computed == static_cast<int>(sequence.blocks.size()) * size &&
         sequence.computed + size <= sequence.ReuseLimit()) {
    const std::optional<int> block = blocks_.Find(sequence.Key(sequence.computed / size, size));
    if (!block) break;
    sequence.blocks.push_back(*block);
    sequence.computed += size;
    sequence.published = static_cast<int>(sequence.blocks.size());
    counts_.reused_tokens += size;
  }
  if (sequence.computed <= sequence.high_water) return;
  const Request& request = *sequence.request;
  for (size_t i = 0; i < request.controls.size(); ++i) {
    const SteeredTokens taken =
        CountActing(request.controls[i], request.layout, sequence.high_water, sequence.computed);
    sequence.steered[i].prompt += taken.prompt;
    sequence.steered[i].generated += taken.generated;
    sequence.steered[i].reused += taken.prompt + taken.generated;
  }
  const int prompt = request.layout.prompt_length;
  sequence.reused_prompt_tokens +=
      std::min(sequence.computed, prompt) - std::min(sequence.high_water, prompt);
  sequence.high_water = sequence.computed;
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
  for (const bool single : {true, false}) {
    for (const auto& sequence : running_) {
      if (sequence->preempted || sequence->request->request_class != request_class) continue;
      if ((sequence->remaining() == 1) != single) continue;
      const int left = budget - RowsOf(batch, request_class);
      if (left <= 0) break;
      PlanOne(*sequence, left, now, batch);
    }
  }
  return RowsOf(batch, request_class);
}

void Scheduler::PlanOne(Sequence& sequence, int budget, Clock::time_point now, Batch& batch) {
  const int size = options_.block_size;
  Reuse(sequence);
  if (IsBeingComputed(sequence)) return;
  BatchEntry entry;
  entry.sequence = &sequence;
  entry.begin = sequence.computed;
  entry.count = std::min(sequence.remaining(), budget);
  if (!TakeBlocks(sequence, entry.end(), batch)) return;
  entry.fresh = std::clamp(sequence.high_water, entry.begin, entry.end());
  entry.samples = !sequence.request->scoring() && entry.count == sequence.remaining();
  batch.entries.push_back(entry);
  if (!sequence.first_step) sequence.first_step = now;
  if (!options_.prefix_cache) return;
  for (int block = entry.begin / size; (block + 1) * size <= entry.end(); ++block) {
    being_computed_.insert(sequence.Key(block, size));
  }
}

// Whether another sequence fills, in this step, the very block that this one needs next.
bool Scheduler::IsBeingComputed(Sequence& sequence) const {
  const int size = options_.block_size;
  return !being_computed_.empty() &&
         sequence.computed == static_cast<int>(sequence.blocks.size()) * size &&
         sequence.computed + size <= sequence.ReuseLimit() &&
         being_computed_.contains(sequence.Key(sequence.computed / size, size));
}

// Blocks for the positions before `end`. Where there are none, those who come after it make room,
// and if nobody does, it makes room itself: false.
bool Scheduler::TakeBlocks(Sequence& sequence, int end, Batch& batch) {
  while (static_cast<int>(sequence.blocks.size()) < blocks_.BlocksFor(end)) {
    if (const std::optional<int> block = blocks_.Allocate()) {
      sequence.blocks.push_back(*block);
      continue;
    }
    Sequence* const victim = Victim(sequence);
    Preempt(victim != nullptr ? *victim : sequence, batch);
    if (victim == nullptr) return false;
  }
  return true;
}

// The last in line of those that come after `requester` and hold blocks; null if there is none.
Sequence* Scheduler::Victim(const Sequence& requester) const {
  Sequence* last = nullptr;
  for (const auto& sequence : running_) {
    if (sequence->blocks.empty() || !GoesBefore(requester, *sequence)) continue;
    if (last == nullptr || GoesBefore(*last, *sequence)) last = sequence.get();
  }
  return last;
}

// Who keeps its blocks: the oldest that runs, then interactive work, then who came first.
bool Scheduler::GoesBefore(const Sequence& a, const Sequence& b) const {
  uint64_t oldest = next_order_;
  for (const auto& sequence : running_) oldest = std::min(oldest, sequence->order);
  const auto rank = [oldest](const Sequence& sequence) {
    return std::tuple(sequence.order != oldest,
                      sequence.request->request_class != RequestClass::kInteractive,
                      sequence.order);
  };
  return rank(a) < rank(b);
}

void Scheduler::Preempt(Sequence& sequence, Batch& batch) {
  std::erase_if(batch.entries,
                [&](const BatchEntry& entry) { return entry.sequence == &sequence; });
  blocks_.Release(sequence.blocks);
  sequence.blocks.clear();
  sequence.published = 0;
  sequence.computed = 0;
  sequence.preempted = true;
  ++sequence.preemptions;
  ++counts_.preemptions;
}

// Those who made room wait before all others of their class, in order of arrival.
void Scheduler::RequeuePreempted() {
  const auto first_preempted = std::stable_partition(
      running_.begin(), running_.end(), [](const auto& sequence) { return !sequence->preempted; });
  std::sort(first_preempted, running_.end(),
            [](const auto& a, const auto& b) { return a->order > b->order; });
  for (auto it = first_preempted; it != running_.end(); ++it) {
    (*it)->preempted = false;
    QueueOf((*it)->request->request_class).push_front(std::move(*it));
  }
  running_.erase(first_preempted, running_.end());
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
  Publish(sequence);
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
    request.sink->OnPrompt({std::move(sequence.forced_log_probs), std::move(sequence.forced_top)});
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

// Lets others find the blocks that are full.
void Scheduler::Publish(Sequence& sequence) {
  const int size = options_.block_size;
  if (!options_.prefix_cache) return;
  for (; (sequence.published + 1) * size <= sequence.computed; ++sequence.published) {
    blocks_.Publish(sequence.blocks[sequence.published], sequence.Key(sequence.published, size));
  }
}

void Scheduler::Abort(const absl::Status& status, Clock::time_point now) {
  ForEach([&](Sequence& sequence) { Finish(sequence, FinishReason::kError, status, now); });
  RemoveFinished();
}

void Scheduler::Finish(Sequence& sequence, FinishReason reason, absl::Status status,
                       Clock::time_point now) {
  blocks_.Release(sequence.blocks);
  sequence.blocks.clear();
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
    event.multipliers.push_back(control.multipliers);
  }
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

// Scheduler's planning: who starts, who runs how many tokens, who makes room.
#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/schedule/scheduler.h"

namespace steer {
namespace {

int RowsOf(const Batch& batch, RequestClass request_class) {
  int rows = 0;
  for (const BatchEntry& entry : batch.entries) {
    if (entry.sequence->request->request_class == request_class) rows += entry.count;
  }
  return rows;
}

absl::Status DoesNotFit(int positions, int context_limit, int fitting) {
  return FieldError(absl::StatusCode::kResourceExhausted,
                    {"DOES_NOT_FIT", "prompt", absl::StrCat(positions, " positions"),
                     absl::StrCat("up to ", fitting, " positions, of a context of ", context_limit,
                                  ", that the KV cache has room for")});
}

}  // namespace

Batch Scheduler::Schedule(Clock::time_point now) {
  if (!Has(RequestClass::kInteractive) || !Has(RequestClass::kBackground)) shares_.Reset();
  while (true) {
    StartWaiting(now);
    Batch batch = PlanStep();
    RequeuePreempted();
    for (const BatchEntry& entry : batch.entries) {
      if (!entry.sequence->first_step) entry.sequence->first_step = now;
    }
    // Everybody may have made room for somebody who then had to make room, too. What is free now is
    // enough for the next in turn.
    if (!batch.empty() || idle()) return batch;
  }
}

Batch Scheduler::PlanStep() {
  Batch batch;
  blocks_.BeginStep();
  const int budget = StepBudget();
  int reserved = std::min(Demand(RequestClass::kBackground), shares_.Reserved(budget));
  // A small step is for those who decode: what they leave of it is shared.
  if (budget < options_.step_tokens) {
    reserved = std::min(reserved, budget - Decoding(RequestClass::kInteractive));
  }
  const int interactive = Plan(RequestClass::kInteractive, budget - reserved, batch);
  int left = budget - interactive;
  if (interactive > 0 && left > reserved) {
    left = std::min(left, shares_.Beside(interactive + chunk_sizer_.FixedRows()));
  }
  const int background = Plan(RequestClass::kBackground, left, batch);
  shares_.Ran(RowsOf(batch, RequestClass::kInteractive), background);
  return batch;
}

// Rows of this step. Where somebody decodes, no more than end within the bound, but always the
// decoding ones and a block of somebody's prompt.
int Scheduler::StepBudget() const {
  const int decoding = Decoding(RequestClass::kInteractive) + Decoding(RequestClass::kBackground);
  if (decoding == 0) return options_.step_tokens;
  const int within = chunk_sizer_.RowsWithin(options_.step_tokens);
  return std::min(options_.step_tokens, std::max(within, decoding + options_.block_size));
}

int Scheduler::Decoding(RequestClass request_class) const {
  return static_cast<int>(
      std::count_if(running_.begin(), running_.end(), [&](const auto& sequence) {
        return sequence->request->request_class == request_class && sequence->is_decoding();
      }));
}

// Moves waiting sequences to running_ while there are rows, blocks and tokens for them. A head
// whose turn it is and that does not fit stops this for both classes: what is freed from here on is
// kept for it.
void Scheduler::StartWaiting(Clock::time_point now) {
  const int budget = StepBudget();
  const int background_share = static_cast<int>(std::ceil(options_.background_share * budget));
  int interactive_demand = Demand(RequestClass::kInteractive);
  int background_demand = Demand(RequestClass::kBackground);
  while (running() < options_.max_sequences) {
    const bool interactive = !interactive_.empty() && interactive_demand < budget;
    const bool background =
        !background_.empty() &&
        background_demand < std::max(background_share, budget - interactive_demand);
    if (!interactive && !background) return;
    const bool background_turn = background && (!interactive || shares_.is_background_turn());
    Queue& queue = background_turn ? background_ : interactive_;
    Sequence& head = *queue.front();
    const int positions = PositionsNeeded(head);
    const int fitting = PositionsThatFit(options_.groups, options_.context_limit,
                                         options_.step_tokens, options_.block_size);
    if (positions > fitting) {
      Finish(head, FinishReason::kError, DoesNotFit(positions, options_.context_limit, fitting),
             now);
      queue.pop_front();
      continue;
    }
    if (!CanStart(head)) return;
    TakeOver(head);
    (background_turn ? background_demand : interactive_demand) += head.remaining();
    running_.push_back(std::move(queue.front()));
    queue.pop_front();
  }
}

// Whether there are blocks, in every group, for all it holds so far and its next token, beside
// those that the running ones lack for the same and one more for each of them: more of a start than
// a preemption would soon take back.
bool Scheduler::CanStart(Sequence& sequence) {
  std::vector<int> missing(block_pools().size(), running());
  const auto add = [&](Sequence& sequence) {
    const int next = static_cast<int>(sequence.tokens.size()) + 1;
    blocks_.AddMissing(sequence, std::min(next, PositionsNeeded(sequence)), missing);
  };
  add(sequence);
  for (const auto& other : running_) add(*other);
  for (size_t group = 0; group < missing.size(); ++group) {
    if (block_pools()[group].available() < missing[group]) return false;
  }
  return true;
}

void Scheduler::TakeOver(Sequence& sequence) {
  counts_.reused_tokens += blocks_.TakeOver(sequence);
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
int Scheduler::Plan(RequestClass request_class, int budget, Batch& batch) {
  for (const bool decoding : {true, false}) {
    for (const auto& sequence : running_) {
      if (sequence->preempted || sequence->request->request_class != request_class) continue;
      if (sequence->is_decoding() != decoding) continue;
      const int left = budget - RowsOf(batch, request_class);
      if (left <= 0) break;
      PlanOne(*sequence, left, batch);
    }
  }
  return RowsOf(batch, request_class);
}

void Scheduler::PlanOne(Sequence& sequence, int budget, Batch& batch) {
  TakeOver(sequence);
  if (blocks_.IsBeingComputed(sequence)) return;
  BatchEntry entry;
  entry.sequence = &sequence;
  entry.begin = sequence.computed;
  entry.count = std::min(sequence.remaining(), budget);
  if (!TakeBlocks(sequence, entry.end(), batch)) return;
  entry.fresh = std::clamp(sequence.high_water, entry.begin, entry.end());
  entry.samples = !sequence.request->scoring() && entry.count == sequence.remaining();
  batch.entries.push_back(entry);
  blocks_.Plan(sequence, entry.begin, entry.end());
}

// Blocks for the positions before `end`. Where there are none, those who come after it make room,
// and if nobody does, it makes room itself: false.
bool Scheduler::TakeBlocks(Sequence& sequence, int end, Batch& batch) {
  while (!blocks_.Take(sequence, end)) {
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
    if (!sequence->holds_blocks() || !GoesBefore(requester, *sequence)) continue;
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
  blocks_.Release(sequence);
  sequence.computed = 0;
  sequence.preempted = true;
  ++sequence.preemptions;
  ++counts_.preemptions;
}

// Those who made room wait in order of arrival, and so before all of their class that never
// started.
void Scheduler::RequeuePreempted() {
  for (auto& sequence : running_) {
    if (!sequence->preempted) continue;
    sequence->preempted = false;
    Queue& queue = QueueOf(sequence->request->request_class);
    const auto place = std::find_if(queue.begin(), queue.end(), [&](const auto& waiting) {
      return waiting->order > sequence->order;
    });
    queue.insert(place, std::move(sequence));
  }
  std::erase(running_, nullptr);
}

}  // namespace steer

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/schedule/batch.h"
#include "core/schedule/chunk_sizer.h"
#include "core/schedule/class_shares.h"
#include "core/schedule/scheduler_options.h"
#include "core/schedule/sequence_blocks.h"

namespace steer {

// What happened so far.
struct SchedulerCounts {
  int64_t reused_tokens = 0;  // positions found in the prefix cache
  int64_t preemptions = 0;
};

// Decides which sequences run and how many tokens of each. Decode first, then prefill in chunks up
// to the token budget, and no more of it than lets a step that decodes end within the bound; first
// come, first served within a class; background work gets the rest of the budget and at least its
// share while it has that much to run.
//
// Blocks are taken as positions are reached, in every group of layers, and given back where no
// later position sees them. A sequence starts when there are blocks for all it holds so far, beside
// what those that run still lack; when blocks run out later, the sequence that came last makes room
// and waits at the head of its class to be computed again: background before interactive, but never
// the oldest of all, so that somebody always ends and nobody waits forever. Nothing that waits
// overtakes the sequence whose turn it is. Two prompts that begin alike are computed once: the
// second waits, block by block, for what the first is just computing.
//
// Deterministic; no tensors, no threads, no clock of its own. Engine thread only.
class Scheduler {
 public:
  Scheduler(SchedulerOptions options, const Tokenizer* tokenizer);

  void Add(std::unique_ptr<Request> request);
  // Marks it; it leaves, with its blocks, at the next Sweep. False if there is no such request any
  // more.
  bool Cancel(RequestId id);
  // Changes a control's multipliers from the first position that never ran, and answers it; nullopt
  // if there is no such request any more or it has no control of that number.
  std::optional<int> SetMultipliers(RequestId id, size_t control, double m1, double m2);
  // Ends sequences that were cancelled, are overdue or resume an answer that had ended: their
  // blocks are free when this returns.
  void Sweep(Clock::time_point now);

  // Never empty unless idle() afterwards. A request that fits neither the pool nor the context ends
  // here with RESOURCE_EXHAUSTED (admission refuses it earlier). The batch is valid until its
  // Update; only Add and Cancel may come between the two.
  Batch Schedule(Clock::time_point now);
  // Books a step's result, which took `seconds`: new tokens, finished sequences, events. A failed
  // step ends its own sequences with that status and frees their blocks.
  void Update(const Batch& batch, const absl::StatusOr<StepResult>& result, Clock::time_point now,
              double seconds);
  // Ends everything with `status`.
  void Abort(const absl::Status& status, Clock::time_point now);

  // Nothing that could be scheduled: no running and no waiting sequence.
  bool idle() const { return running_.empty() && waiting() == 0; }
  // The earliest deadline of any sequence; nullopt if there is none.
  std::optional<Clock::time_point> NextDeadline() const;
  bool Has(RequestClass request_class) const;

  int running() const { return static_cast<int>(running_.size()); }
  int waiting() const { return static_cast<int>(interactive_.size() + background_.size()); }
  // By group of layers.
  const std::vector<BlockPool>& block_pools() const { return blocks_.pools(); }
  const SchedulerCounts& counts() const { return counts_; }
  const ChunkSizer& chunk_sizer() const { return chunk_sizer_; }

 private:
  using Queue = std::deque<std::unique_ptr<Sequence>>;

  Queue& QueueOf(RequestClass request_class);
  Sequence* Find(RequestId id) const;
  template <typename Visitor>
  void ForEach(Visitor visit) const;
  int PositionsNeeded(const Sequence& sequence) const;

  // Planning: scheduler_plan.cc.
  void StartWaiting(Clock::time_point now);
  bool CanStart(Sequence& sequence);
  int Demand(RequestClass request_class) const;
  int Decoding(RequestClass request_class) const;
  int StepBudget() const;
  Batch PlanStep();
  int Plan(RequestClass request_class, int budget, Batch& batch);
  void PlanOne(Sequence& sequence, int budget, Batch& batch);
  void TakeOver(Sequence& sequence);
  bool TakeBlocks(Sequence& sequence, int end, Batch& batch);
  Sequence* Victim(const Sequence& requester) const;
  bool GoesBefore(const Sequence& a, const Sequence& b) const;
  void Preempt(Sequence& sequence, Batch& batch);
  void RequeuePreempted();

  void Book(const BatchEntry& entry, EntryResult result, Clock::time_point now);
  void Finish(Sequence& sequence, FinishReason reason, absl::Status status, Clock::time_point now);
  void RemoveFinished();

  SchedulerOptions options_;
  SequenceBlocks blocks_;
  ChunkSizer chunk_sizer_;
  ClassShares shares_;
  SchedulerCounts counts_;
  const Tokenizer* tokenizer_;
  Queue interactive_;                               // waiting, in order of arrival
  Queue background_;                                // waiting, in order of arrival
  std::vector<std::unique_ptr<Sequence>> running_;  // in order of start
  uint64_t next_order_ = 0;
};

}  // namespace steer

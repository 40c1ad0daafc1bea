#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/schedule/batch.h"
#include "core/schedule/block_pool.h"

namespace steer {

// All but block_count are 1 or more; whoever makes them has checked that.
struct SchedulerOptions {
  int step_tokens = 512;   // token budget of one step
  int max_sequences = 64;  // rows that may run at once
  int block_size = 16;     // positions per KV block
  int block_count = 0;     // KV blocks of the device
  int context_limit = 0;   // positions of the model
};

// Decides which sequences run and how many tokens of each. Decode first, then prefill in chunks up
// to the token budget; first come, first served within a class; background work gets the rest of
// the budget and at least a quarter of it while it has that much to run. A sequence starts only
// when a row and blocks for all positions it can ever need are free, so it can never be stranded
// halfway; nothing that waits overtakes the sequence whose turn it is, so none waits forever. Rows
// and blocks go to interactive sequences first, but when both classes wait, background ones get
// theirs once a quarter of the tokens run would else not be theirs. Deterministic; no tensors, no
// threads, no clock of its own. Engine thread only.
class Scheduler {
 public:
  Scheduler(SchedulerOptions options, const Tokenizer* tokenizer);

  void Add(std::unique_ptr<Request> request);
  // Marks it; it leaves, with its blocks, at the next Sweep. False if there is no such request any
  // more.
  bool Cancel(RequestId id);
  // Ends cancelled and overdue sequences: their blocks are free when this returns.
  void Sweep(Clock::time_point now);

  // Never empty unless idle() afterwards. A request that fits neither the pool nor the context ends
  // here with RESOURCE_EXHAUSTED (admission refuses it earlier). The batch is valid until its
  // Update; only Add and Cancel may come between the two.
  Batch Schedule(Clock::time_point now);
  // Books a step's result: new tokens, finished sequences, events. A failed step ends its own
  // sequences with that status and frees their blocks.
  void Update(const Batch& batch, const absl::StatusOr<StepResult>& result, Clock::time_point now);
  // Ends everything with `status`.
  void Abort(const absl::Status& status, Clock::time_point now);

  // Nothing that could be scheduled: no running and no waiting sequence.
  bool idle() const { return running_.empty() && waiting() == 0; }
  // The earliest deadline of any sequence; nullopt if there is none.
  std::optional<Clock::time_point> NextDeadline() const;

  int running() const { return static_cast<int>(running_.size()); }
  int waiting() const { return static_cast<int>(interactive_.size() + background_.size()); }
  const BlockPool& blocks() const { return blocks_; }

 private:
  void StartWaiting(Clock::time_point now);
  bool Has(RequestClass request_class) const;
  int Demand(RequestClass request_class) const;
  int Plan(RequestClass request_class, int budget, Clock::time_point now, Batch& batch);
  void Book(const BatchEntry& entry, const EntryResult& result, Clock::time_point now);
  void Finish(Sequence& sequence, FinishReason reason, absl::Status status, Clock::time_point now);
  void RemoveFinished();
  int PositionsNeeded(const Sequence& sequence) const;
  template <typename Visitor>
  void ForEach(Visitor visit) const;

  SchedulerOptions options_;
  BlockPool blocks_;
  const Tokenizer* tokenizer_;
  std::deque<std::unique_ptr<Sequence>> interactive_;  // waiting
  std::deque<std::unique_ptr<Sequence>> background_;   // waiting
  std::vector<std::unique_ptr<Sequence>> running_;     // in order of start
  // Interactive tokens run beyond three for each background token, while both classes have work.
  // Above 0 it is the background's turn.
  int64_t background_lag_ = 0;
};

}  // namespace steer

#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/schedule/batch.h"
#include "core/schedule/block_pool.h"

namespace steer {

struct SchedulerOptions {
  int step_tokens = 512;   // token budget of one step
  int max_sequences = 64;  // rows that may run at once
  int block_size = 16;     // positions per KV block
  int block_count = 0;     // KV blocks of the device
  int context_limit = 0;   // positions of the model
};

// Decides which sequences run and how many tokens of each. Decode first, then prefill in chunks up
// to the token budget; first come, first served within a class; background work gets the rest of
// the budget and, while it waits, at least a quarter of it. A sequence starts only when blocks for
// all positions it can ever need are free, so it can never be stranded halfway. Deterministic; no
// tensors, no threads, no clock of its own. Engine thread only.
class Scheduler {
 public:
  Scheduler(SchedulerOptions options, const Tokenizer* tokenizer);

  void Add(std::unique_ptr<Request> request);
  // Marks it; it leaves, with its blocks, at the next Sweep. False if there is no such request any
  // more.
  bool Cancel(RequestId id);
  // Ends cancelled and overdue sequences: their blocks are free when this returns.
  void Sweep(Clock::time_point now);

  Batch Schedule(Clock::time_point now);
  // Books a step's result: new tokens, finished sequences, events. A failed step ends its own
  // sequences with that status and frees their blocks.
  void Update(const Batch& batch, const absl::StatusOr<StepResult>& result, Clock::time_point now);
  // Ends everything with `status`.
  void Abort(const absl::Status& status, Clock::time_point now);

  // Nothing that could be scheduled: no running and no waiting sequence.
  bool idle() const;
  // The earliest deadline of any sequence; nullopt if there is none.
  std::optional<Clock::time_point> NextDeadline() const;

  int running() const { return static_cast<int>(running_.size()); }
  int waiting() const;
  const BlockPool& blocks() const { return blocks_; }

 private:
  void Finish(Sequence& sequence, FinishReason reason, absl::Status status, Clock::time_point now);
  int BlocksNeeded(const Sequence& sequence) const;

  SchedulerOptions options_;
  const Tokenizer* tokenizer_;
  BlockPool blocks_;
  std::deque<std::unique_ptr<Sequence>> interactive_;  // waiting
  std::deque<std::unique_ptr<Sequence>> background_;   // waiting
  std::vector<std::unique_ptr<Sequence>> running_;     // in order of start
};

}  // namespace steer

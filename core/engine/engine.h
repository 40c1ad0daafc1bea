#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/base/mailbox.h"
#include "core/base/mutex.h"
#include "core/engine/runner.h"
#include "core/engine/unit_share.h"
#include "core/schedule/scheduler.h"

namespace steer {

// Numbers a device's engine publishes; read from any thread. Those up to kv_usage are as of the
// last step or, when nothing is left to run, 0 (but for the cached blocks): they lag an event by at
// most one turn of the loop. Blocks are counted over all groups of layers.
struct EngineStats {
  int running = 0;           // sequences in the step
  int waiting = 0;           // sequences not started yet, or computed again later
  int kv_blocks_used = 0;    // by sequences
  int kv_blocks_cached = 0;  // by nobody, but to be found again
  int kv_blocks_total = 0;
  double kv_usage = 0;  // share of blocks used in the group of layers that has least left
  bool failed = false;  // the device is lost; nothing runs any more
  // Of a step that computes prompts, the last ones counting most; 0 while there was none.
  double prompt_seconds_per_token = 0;
  int64_t steps = 0;             // failed ones included
  int64_t prompt_tokens = 0;     // positions computed that were prompt or forced
  int64_t generated_tokens = 0;  // tokens sampled
  int64_t steered_rows = 0;      // token x signal pairs on which a signal acted
  int64_t reused_tokens = 0;     // positions found in the prefix cache
  int64_t preemptions = 0;
  int64_t units = 0;        // pieces of background work
  double unit_seconds = 0;  // spent on them
  double busy_seconds = 0;  // spent inside Runner::Run
};

// One device's loop: commands in, steps, events out. Owns its thread; the runner, the scheduler and
// all sequences are touched by that thread alone. The public methods are thread-safe.
//
// A unit is a piece of background work that needs the device to itself for about one step
// (capturing activations for a learner). At most one unit runs between two steps, and while
// interactive requests run, units get the scheduler's background share of the time and no more.
//
// A step or a unit that ends with UNAVAILABLE means that the device is lost: everything ends with
// UNAVAILABLE, now and from then on.
class Engine {
 public:
  using Unit = std::function<absl::Status()>;

  // `on_thread`, if given, runs first on the engine's thread.
  Engine(SchedulerOptions options, const Tokenizer* tokenizer, std::unique_ptr<Runner> runner,
         std::function<void()> on_thread = nullptr);
  ~Engine();  // Stop()
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The request's sink gets its events on the engine thread, ending with OnFinished. When the
  // engine has stopped, OnFinished (UNAVAILABLE) comes before this returns, on the caller's thread.
  void Submit(std::unique_ptr<Request> request);
  // The sequence leaves by the next step; unknown ids are ignored.
  void Cancel(RequestId id);
  // Changes a control's multipliers (its number in the request) from the next position that runs
  // for the first time, and answers that position. Blocks the caller for up to a step. NOT_FOUND
  // without such a running or waiting request. Never call it on the engine thread.
  absl::StatusOr<int> SetMultipliers(RequestId id, size_t control, double m1, double m2);
  // Blocks the caller until the unit has run and returns its status; CANCELLED if the engine stops
  // first, UNAVAILABLE if the device is lost. Never call it on the engine thread.
  absl::Status RunUnit(Unit unit);
  // Ends running requests with UNAVAILABLE and joins the thread. Idempotent. Never call it on the
  // engine thread.
  void Stop();

  EngineStats stats() const;

 private:
  struct PendingUnit;
  struct CancelCommand {
    RequestId id;
  };
  struct MultiplierCommand;
  using Command = std::variant<std::unique_ptr<Request>, CancelCommand,
                               std::shared_ptr<MultiplierCommand>, std::shared_ptr<PendingUnit>>;

  void Loop();
  void Apply(std::vector<Command> commands);
  void RunStep(const Batch& batch);
  bool UnitsMayRun() const;
  void RunOneUnit();
  // After a step or a unit.
  void CheckDevice(const absl::Status& status);
  void EndEverything(const absl::Status& why);
  void CountStep(const Batch& batch, const absl::StatusOr<StepResult>& result, double seconds);
  void Publish();

  const std::function<void()> on_thread_;
  UnitShare unit_share_;                            // engine thread only
  Scheduler scheduler_;                             // engine thread only
  std::unique_ptr<Runner> runner_;                  // engine thread only
  Mailbox<Command> commands_;                       // closed = stop
  std::deque<std::shared_ptr<PendingUnit>> units_;  // engine thread only
  absl::Status lost_;  // set when the device is lost; engine thread only
  mutable Mutex stats_mutex_;
  EngineStats stats_ ABSL_GUARDED_BY(stats_mutex_);
  Mutex thread_mutex_;
  std::thread thread_ ABSL_GUARDED_BY(thread_mutex_);
};

}  // namespace steer

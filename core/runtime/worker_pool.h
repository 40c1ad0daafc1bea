#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "core/engine/engine.h"
#include "core/schedule/prefix_index.h"

namespace steer {

// One device at work: its engine, what its cache holds, and how much it has to do. Thread-safe.
class WorkerPool {
 public:
  // Puts the tensors of a request's signals, as they lie on this pool's device, into the request.
  // NOT_FOUND when a signal is gone, INVALID_ARGUMENT when they cannot act together.
  using SignalLoader = std::function<absl::Status(ControlSet&)>;

  struct Parts {
    std::string name;          // "cpu:0"
    SchedulerOptions options;  // its prefix_index is made here
    const Tokenizer* tokenizer = nullptr;
    std::unique_ptr<Runner> runner;
    std::function<void()> on_thread;  // runs first on the engine's thread; may be null
    SignalLoader load;
  };
  explicit WorkerPool(Parts parts);

  // Loads the request's signals and queues it. On an error the sink gets nothing. The caller has
  // reserved the request's place (Dispatcher::Choose); it is given back when the request ends, or
  // here with an error.
  absl::Status Submit(std::unique_ptr<Request> request);
  // The tensors of these signals, for work that goes to the engine as units.
  absl::Status Load(ControlSet& controls) const { return load_(controls); }
  // For a place that was reserved and is not used.
  void GiveBack(int places) { in_flight_ -= places; }
  void Reserve(int places) { in_flight_ += places; }

  // Whether `tokens` more of a prompt can be computed in `seconds`, after those that wait, as far
  // as the last steps tell. True while too little is known.
  bool CanComputeWithin(int tokens, double seconds) const;

  const std::string& name() const { return name_; }
  bool healthy() const { return !engine_.stats().failed; }
  int in_flight() const { return in_flight_; }  // requests that were reserved and have not ended
  const PrefixIndex& prefixes() const { return *prefixes_; }
  int block_size() const { return block_size_; }
  const std::string& cache_format() const { return cache_format_; }
  Engine& engine() { return engine_; }
  const Engine& engine() const { return engine_; }

 private:
  class Sink;

  const std::string name_;
  const int block_size_;
  const std::string cache_format_;
  const std::shared_ptr<PrefixIndex> prefixes_;
  const SignalLoader load_;
  std::atomic<int> in_flight_{0};
  std::atomic<int64_t> prompt_tokens_{0};  // of requests that have not told a token yet
  Engine engine_;                          // last: its thread calls sinks, which count above
};

}  // namespace steer

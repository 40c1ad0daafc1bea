#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/runtime/worker_pool.h"
#include "core/schedule/request.h"
#include "core/signal/signal_kind.h"

namespace steer {

// The generation requests that have not ended: where each runs, and under which multipliers. A
// request of n completions has the ids id .. id + n - 1. Thread-safe.
class LiveGenerations {
 public:
  // One signal of a request and what acts now.
  struct Control {
    std::string name;
    std::string signal_id;
    double m1 = 0;
    double m2 = 0;
    SignalKind kind = SignalKind::kVector;
  };
  struct Generation {
    WorkerPool* pool = nullptr;
    int completions = 1;
    int prompt_tokens = 0;
    std::vector<Control> controls;
  };
  // Which control of which generation, with the multipliers it shall have.
  struct Change {
    Generation generation;
    size_t control = 0;
    double m1 = 0;
    double m2 = 0;
  };

  // False, with nothing added, if more than `limit` completions would be live.
  bool Add(RequestId id, Generation generation, int limit);
  // One completion has ended; the generation leaves with its last.
  void Ended(RequestId id);

  std::optional<Generation> Find(RequestId id) const;
  // What a caller's change means; unset multipliers stay, but m2 follows a set m1. NOT_FOUND names
  // request_id or signal. Whether the signal's kind takes them is not asked.
  absl::StatusOr<Change> Resolve(RequestId id, const std::string& signal, std::optional<double> m1,
                                 std::optional<double> m2) const;
  // The change acts: what is unset in the next one stays at this.
  void Changed(RequestId id, const Change& change);

  int completions() const;
  // Whether none was live at some moment before the deadline.
  bool AwaitIdle(Clock::time_point deadline) const;

 private:
  struct Entry {
    Generation generation;
    int open = 0;
  };
  mutable Mutex mutex_;
  mutable CondVar idle_;  // completions_ has become 0
  std::map<RequestId, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  int completions_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace steer

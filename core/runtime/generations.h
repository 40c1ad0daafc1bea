#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/runtime/admission.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/dispatcher.h"
#include "core/runtime/live_generations.h"
#include "core/runtime/signal_use.h"
#include "core/runtime/specs.h"
#include "core/runtime/utility_budgets.h"
#include "core/runtime/worker_pool.h"
#include "core/schedule/event.h"
#include "core/schedule/request.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// Starts generation requests, cancels them and changes their multipliers. Runtime's methods of the
// same meaning say what callers may expect. Knows no tensors. Thread-safe.
class Generations {
 public:
  // What is pointed to outlives this; `live` outlives the dispatcher's pools, too, since their
  // threads tell it what has ended.
  struct Parts {
    const Tokenizer* tokenizer = nullptr;
    const Admission* admission = nullptr;
    const ControlResolver* controls = nullptr;
    UtilityBudgets* budgets = nullptr;
    Dispatcher* dispatcher = nullptr;
    LiveGenerations* live = nullptr;
    SignalUse* use = nullptr;
    std::atomic<RequestId>* next_id = nullptr;
    std::string model_fingerprint;
    int max_in_flight = 0;  // completions
  };
  explicit Generations(Parts parts);

  absl::StatusOr<Admitted> Start(const GenerateSpec& spec,
                                 const std::vector<std::shared_ptr<EventSink>>& sinks);
  void Cancel(RequestId id);
  absl::StatusOr<std::vector<UpdatedCompletion>> Update(RequestId id, const std::string& signal,
                                                        std::optional<double> m1,
                                                        std::optional<double> m2);

 private:
  // What all completions have in common; `admitted` is told what it means, but not yet where.
  absl::StatusOr<Request> Prepare(const GenerateSpec& spec, Admitted& admitted) const;
  // Counts the request among the live ones, unless there are too many.
  absl::Status Enter(const Request& request, const Admitted& admitted, WorkerPool* pool);
  // Gives back the places of completions that do not get into the pool.
  absl::Status Submit(const Request& request, RequestId id,
                      const std::vector<std::shared_ptr<EventSink>>& sinks, WorkerPool& pool);

  const Parts parts_;
};

}  // namespace steer

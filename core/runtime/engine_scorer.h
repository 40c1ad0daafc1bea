#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/analysis/scorer.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/dispatcher.h"

namespace steer {

// The analysis' way to the model: scoring requests through the engine, in the background class, a
// window at a time so that a large call neither floods the queue nor outlives its cancellation.
// Each text goes to the pool that the dispatcher chooses. Made for one set of controls.
// Thread-safe.
class EngineScorer final : public Scorer {
 public:
  EngineScorer(Dispatcher* dispatcher, std::atomic<RequestId>* next_id, PreparedControls controls)
      : dispatcher_(dispatcher), next_id_(next_id), controls_(std::move(controls)) {}

  absl::StatusOr<std::vector<std::vector<double>>> LogProbs(
      const std::vector<ForcedText>& texts, double multiplier,
      const std::function<bool()>& cancelled) override;

 private:
  Dispatcher* const dispatcher_;
  std::atomic<RequestId>* const next_id_;
  const PreparedControls controls_;
};

}  // namespace steer

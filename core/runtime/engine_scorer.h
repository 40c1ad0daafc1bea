#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/analysis/scorer.h"
#include "core/model/decoder.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/worker_pool.h"

namespace steer {

// The analysis' way to the model: a few groups at a time are fanned out (engine/fan_out.h) in units
// of about a step on the engine thread of one pool, where they are background work; pools take the
// next groups when they are done with theirs. Made for one set of controls. Thread-safe.
class EngineScorer final : public Scorer {
 public:
  struct Place {
    WorkerPool* pool = nullptr;
    std::shared_ptr<const Decoder> decoder;  // on the pool's device
  };

  // `places`: at least one; what they point to outlives this. `unit_rows`: of one unit, where one
  // strength does not take more.
  EngineScorer(std::vector<Place> places, int unit_rows, PreparedControls controls)
      : places_(std::move(places)), unit_rows_(unit_rows), controls_(std::move(controls)) {}

  size_t controls() const override { return controls_.set.size(); }
  // UNAVAILABLE when a device has failed, NOT_FOUND when a signal is gone.
  absl::Status Score(const std::vector<ForcedGroup>& groups, const std::vector<Strength>& strengths,
                     const std::function<bool()>& cancelled,
                     const std::function<void(size_t, GroupLogProbs)>& on_group) override;

 private:
  class Call;

  const std::vector<Place> places_;
  const int unit_rows_;
  const PreparedControls controls_;
};

}  // namespace steer

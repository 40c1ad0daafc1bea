#pragma once

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/runtime/admission.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/model_info.h"
#include "core/runtime/specs.h"
#include "core/store/signal_store.h"

namespace steer {

// Polar pairs through the model: single scores and whole dose curves. Thread-safe.
class Scoring {
 public:
  // What it works with; all of it outlives this.
  struct Parts {
    const Admission* admission = nullptr;
    const ControlResolver* controls = nullptr;
    const DevicePools* pools = nullptr;
    SignalStore* store = nullptr;
    const ModelInfo* model = nullptr;
    int unit_rows = 0;  // of one unit of background work
  };
  explicit Scoring(const Parts& parts) : parts_(parts) {}

  // Whether these can be scored: what Score would refuse.
  absl::Status Check(const PairSetSpec& pairs, const std::vector<ControlSpec>& controls) const;
  // See ScorePairs.
  absl::Status Score(const ScoreSpec& spec, const std::function<bool()>& cancelled,
                     const ScoreListener& listener) const;
  // Measures the curve and keeps it. See SweepSpec.
  absl::StatusOr<CurveRecord> Sweep(const SweepSpec& spec, const std::function<bool()>& cancelled,
                                    const ScoreListener& listener) const;

 private:
  // Pairs, format and scorer of a call, checked.
  struct Prepared;
  absl::StatusOr<Prepared> Prepare(const PairSetSpec& pairs,
                                   const std::vector<ControlSpec>& controls) const;
  // All of a curve but what is measured.
  CurveRecord HeadOf(const SweepSpec& spec, const Prepared& prepared) const;

  const Parts parts_;
};

}  // namespace steer

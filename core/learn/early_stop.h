#pragma once

#include <optional>

#include "absl/status/status.h"
#include "core/learn/step_report.h"

namespace steer {

// How often a run is judged on held-out pairs, and when it ends before its last step.
struct EarlyStopParams {
  int every = 0;     // steps between two looks, 1 or more; 0: a tenth of the run
  int patience = 0;  // looks in a row without a lower held-out loss, after which it ends; 0: never
};

// INVALID_ARGUMENT, naming the field.
absl::Status Validate(const EarlyStopParams& params);

// Decides when a run ends early. A value.
class EarlyStop {
 public:
  // `best` and `looks_since`: where an interrupted run had come to.
  explicit EarlyStop(EarlyStopParams params, std::optional<HeldOutReport> best = std::nullopt,
                     int looks_since = 0)
      : params_(params), best_(best), looks_since_(looks_since) {}

  // Whether it is the best so far.
  bool Note(const HeldOutReport& report);
  // Whether nothing has got better for so long.
  bool done() const { return params_.patience > 0 && looks_since_ >= params_.patience; }
  const std::optional<HeldOutReport>& best() const { return best_; }
  int looks_since() const { return looks_since_; }

 private:
  EarlyStopParams params_;
  std::optional<HeldOutReport> best_;
  int looks_since_;  // since the best
};

}  // namespace steer

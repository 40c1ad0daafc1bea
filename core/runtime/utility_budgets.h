#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/recommend.h"
#include "core/base/mutex.h"
#include "core/runtime/specs.h"
#include "core/store/signal_store.h"

namespace steer {

// Turns a utility budget into multipliers, by the dose curves that the store keeps. A curve holds
// for its signal version, positions, model and weight format: another one is never used. Two
// signals steered the same way go by a curve that measured them together, where there is one;
// otherwise losses and gains of several signals are added up, which the choice says. Thread-safe.
class UtilityBudgets {
 public:
  // `model`: CurveFingerprint of the resident one. `store` outlives this.
  UtilityBudgets(std::string model, SignalStore* store) : model_(std::move(model)), store_(store) {}

  // For controls as they were resolved, whose own multipliers do not matter. FAILED_PRECONDITION if
  // a control has no curve that fits, a named curve does not fit, or nothing that was measured
  // keeps the budget (only a negative one can do that); INVALID_ARGUMENT for names that are no
  // controls of the request.
  absl::StatusOr<BudgetChoice> Choose(const BudgetSpec& spec,
                                      const std::vector<ResolvedControl>& controls);

 private:
  // A kept curve, read and fitted.
  struct Curve;
  using CurvePtr = std::shared_ptr<const Curve>;

  absl::StatusOr<CurvePtr> Read(const std::string& id);
  // The newest that measured these controls, one or two, and nothing else; null if there is none.
  absl::StatusOr<CurvePtr> Newest(const std::vector<ResolvedControl>& controls);
  bool Fits(const CurveRecord& curve, const std::vector<ResolvedControl>& controls) const;
  absl::StatusOr<std::vector<CurvePtr>> Named(const std::vector<std::string>& ids,
                                              const std::vector<ResolvedControl>& controls);
  // One for all controls together, or one for each.
  absl::StatusOr<std::vector<CurvePtr>> CurvesFor(const BudgetSpec& spec,
                                                  const std::vector<ResolvedControl>& controls,
                                                  const std::vector<Direction>& directions);

  const std::string model_;
  SignalStore* const store_;
  // Fitting takes as long as a few tokens: the fits in use are kept, the last used first.
  Mutex mutex_;
  std::list<std::pair<std::string, CurvePtr>> read_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace steer

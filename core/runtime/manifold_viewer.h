#pragma once

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/runtime/admission.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/manifold_reader.h"
#include "core/runtime/manifold_spec.h"
#include "core/runtime/model_info.h"
#include "core/store/signal_store.h"

namespace steer {

// How far a signal takes a site's activations from where the plain model's lie. Twice over the
// questions: the plain activations' principal components first, then every multiplier against
// them, in units of background work on the engine of the least loaded pool. Thread-safe.
//
// Looked at are the tokens of the prompts on which the signal acts, but for the template's head and
// the first token of each text, whose norms are outliers.
class ManifoldViewer {
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
  explicit ManifoldViewer(const Parts& parts) : parts_(parts) {}

  // Blocks. INVALID_ARGUMENT where tokens are too few for the components, FAILED_PRECONDITION for
  // another signal's curve, OUT_OF_RANGE where activations are not finite.
  absl::StatusOr<ManifoldSummary> View(const ManifoldSpec& spec,
                                       const std::function<bool()>& cancelled,
                                       const ManifoldListener& listener) const;

 private:
  // What is known of a call before anything runs.
  struct Prepared;

  absl::StatusOr<Prepared> Prepare(const ManifoldSpec& spec) const;
  absl::StatusOr<Site> SiteOf(const ManifoldSpec& spec, const ResolvedControl& control) const;
  absl::StatusOr<std::vector<CurveFit>> FitsOf(const ManifoldSpec& spec,
                                               const ResolvedControl& control) const;
  absl::StatusOr<std::vector<ViewedPrompt>> Prompts(const ManifoldSpec& spec,
                                                    const PreparedControls& controls) const;

  const Parts parts_;
};

}  // namespace steer

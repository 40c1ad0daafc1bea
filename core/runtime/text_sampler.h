#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/analysis/text_check.h"
#include "core/runtime/admission.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/dispatcher.h"
#include "core/runtime/specs.h"
#include "core/store/signal_store.h"

namespace steer {

// What generated text reads like under a control, without a judge: how surprised the plain model is
// by it, and how varied it is. Teacher-forced utility and the coherence of generated text are two
// quantities (paper 6); this is the second. Thread-safe.
class TextSampler {
 public:
  // What it works with; all of it outlives this.
  struct Parts {
    const Admission* admission = nullptr;
    const ControlResolver* controls = nullptr;
    Dispatcher* dispatcher = nullptr;
    const DevicePools* pools = nullptr;
    std::atomic<RequestId>* next_id = nullptr;
    int unit_rows = 0;  // of one unit of background work
  };
  explicit TextSampler(const Parts& parts) : parts_(parts) {}

  // One text for each question at each multiplier, generated in the background class with the seeds
  // seed, seed + 1, ..: the same at every multiplier. `on_point` as each multiplier is done; false
  // from it stops with CANCELLED. Blocks.
  absl::Status Measure(const TextSpec& spec, const std::function<bool()>& cancelled,
                       const std::function<bool(TextPoint)>& on_point) const;
  // CheckOnText of the curve's signal, under the curve's own positions; `spec` without controls and
  // multipliers. FAILED_PRECONDITION where no text has a token.
  absl::StatusOr<TextCheck> Check(const CurveRecord& curve, double multiplier, TextSpec spec,
                                  double max_increase,
                                  const std::function<bool()>& cancelled) const;

 private:
  // A question's text on its way.
  struct Sample;

  absl::StatusOr<std::vector<Request>> Prompts(const TextSpec& spec) const;
  absl::StatusOr<TextPoint> MeasureAt(const TextSpec& spec, const std::vector<Request>& prompts,
                                      const PreparedControls& controls, double multiplier,
                                      const std::function<bool()>& cancelled) const;
  absl::Status Generate(const std::vector<Request>& prompts, const ControlSet& controls,
                        const std::function<bool()>& cancelled, std::vector<Sample>& samples) const;
  absl::Status Judge(const std::vector<Request>& prompts, const std::function<bool()>& cancelled,
                     const std::vector<Sample>& samples, TextPoint& point) const;

  const Parts parts_;
};

}  // namespace steer

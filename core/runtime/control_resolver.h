#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/runtime/specs.h"
#include "core/signal/control_set.h"
#include "core/signal/signal_data.h"
#include "core/store/signal_store.h"

namespace steer {

// Controls of one request: what acts and what is told about it, parallel. The signals' tensors are
// not there yet: which device's they are is decided later.
struct PreparedControls {
  ControlSet set;
  std::vector<ResolvedControl> resolved;

  // The same with the multipliers of each control times its factor; as many factors as controls.
  ControlSet Scaled(std::span<const double> factors) const;
  // Both multipliers of one control, from the first position on.
  void SetMultiplier(size_t control, double multiplier);
};

// INVALID_ARGUMENT on `field` if the rule selects no token of a prompt or pair, which `of` names.
absl::Status CheckSelection(const PositionRule& rule, const PromptLayout& layout,
                            absl::string_view field, absl::string_view of);

// A multiplier is finite and within what any request may ask for; the error names `field`.
absl::Status CheckMultiplier(double m, const std::string& field);
// Both multipliers of a control, whose fields begin with `prefix`. A kind that is not affine has
// one: the second may only repeat it.
absl::Status CheckMultipliers(SignalKind kind, double m1, double m2, const std::string& prefix);
// `factor` on top of every control's own multipliers must stay within the limits, too.
absl::Status CheckFactor(const PreparedControls& controls, double factor, const std::string& field);
// Every control acts on some token of a sequence so laid out; the error names the control and `of`,
// what it would not act on ("this prompt").
absl::Status CheckSelections(const PreparedControls& controls, const PromptLayout& layout,
                             const std::string& of);

// What the controls of a request mean for this store at this moment: names become ids of signals
// that fit the model, and what was left out takes the signal's defaults. With Admission the last
// place where requests are checked: what it returns is valid. Knows no tensors. Thread-safe.
class ControlResolver {
 public:
  // `marks` of the resident model; `store` outlives this.
  ControlResolver(ModelMarks marks, SignalStore* store) : marks_(std::move(marks)), store_(store) {}

  absl::StatusOr<PreparedControls> Resolve(const std::vector<ControlSpec>& specs) const;

 private:
  absl::StatusOr<ControlEntry> ResolveOne(const ControlSpec& spec, const std::string& field,
                                          ResolvedControl& resolved) const;

  const ModelMarks marks_;
  SignalStore* const store_;
};

}  // namespace steer

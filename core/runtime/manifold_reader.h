#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/engine/fan_out.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/engine_scorer.h"
#include "core/runtime/principal_subspace.h"
#include "core/signal/forced_text.h"

namespace steer {

// A prompt and which of its positions are looked at.
struct ViewedPrompt {
  ForcedText text;                 // with one token more: what runs of a text is all but the last
  std::vector<int64_t> positions;  // ascending, steered, at least one
};

// The manifold view's way to the model: reads a block's output in units of background work on the
// engine of one pool. Made for one call. Not thread-safe; blocks.
class ManifoldReader {
 public:
  struct Parts {
    EngineScorer::Place place;
    PreparedControls controls;
    int layer = 0;      // whose block_out is read; none below is steered
    int unit_rows = 0;  // of one unit, where one multiplier does not take more
    std::function<bool()> cancelled;
    std::function<absl::Status()> on_prompt;  // after each; an error stops
  };
  explicit ManifoldReader(Parts parts) : parts_(std::move(parts)) {}

  // Puts the signals on the device. First and once; NOT_FOUND when one is gone.
  absl::Status Load() { return parts_.place.pool->Load(parts_.controls.set); }
  // Of the plain model.
  absl::StatusOr<ActivationMoments> Moments(const std::vector<ViewedPrompt>& prompts) const;
  // [multiplier][token], the plain model before the multipliers.
  absl::StatusOr<std::vector<std::vector<TokenShift>>> Shifts(
      const std::vector<ViewedPrompt>& prompts, std::span<const double> multipliers,
      const PrincipalSubspace& plane) const;

 private:
  absl::Status AddShifts(const ViewedPrompt& prompt, std::span<const ControlSet> strengths,
                         const PrincipalSubspace& plane,
                         std::vector<std::vector<TokenShift>>& all) const;
  ControlSet At(double multiplier) const;
  absl::StatusOr<at::Tensor> Read(FanOut& fan_out, const ViewedPrompt& prompt,
                                  std::span<const ControlSet> strengths) const;
  absl::Status RunUnit(const Engine::Unit& unit) const;
  size_t StrengthsAtOnce(const FanOut& fan_out) const;

  Parts parts_;
};

}  // namespace steer

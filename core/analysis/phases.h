#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/curve_fit.h"

namespace steer {

// The phases of a preference curve (paper 2.6), told apart by one yardstick: the local slope f'(m)
// as a share of alpha. The paper gives the phases and no thresholds; these are ours. alpha is the
// slope where the steering line meets the manifold: at m = m± D is 1 and D' is 0, so f' = alpha
// there exactly, whatever beta is. Hence
//   linear        around m±, as long as f' is within 20 % of alpha
//   convergence   from where on |f'| stays below 5 % of |alpha|, outwards for good (a peak of
//                 preference has slope 0 as well, but not for good)
//   transitional  what is left
inline constexpr double kLinearShare = 0.20;
inline constexpr double kConvergenceShare = 0.05;
// "For good" is asked from the law out to this multiple of the measured range.
inline constexpr double kForGood = 2;

enum class Phase { kLinear, kTransitional, kConvergence };

struct PhaseInterval {
  Phase phase = Phase::kLinear;
  double low = 0;  // low < high
  double high = 0;
};

// Each side's intervals ascend, touch, and fill the measured range from 0 on; empty where nothing
// was measured. Neither linear nor convergence need occur.
struct PhaseReport {
  std::vector<PhaseInterval> negative;
  std::vector<PhaseInterval> positive;
};

// FAILED_PRECONDITION if alpha m changes the curve by less than a thousandth of its own range:
// there is no linear trend to measure slopes against.
absl::StatusOr<PhaseReport> FindPhases(const FittedCurve& preference);

}  // namespace steer

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/curve_fit.h"

namespace steer {

struct BootstrapParams {
  int resamples = 200;
  double confidence = 0.95;
  uint64_t seed = 1;
};

// The half-validity point's percentile interval, nearest to 0 first. An end that lies beyond the
// measured range is a bound, as in HalfValidity.
struct HalfValidityInterval {
  HalfValidity nearest;
  HalfValidity farthest;
};

struct CurveBand {
  std::vector<double> multipliers;                    // as asked for
  std::vector<Interval> band;                         // [multipliers], pointwise
  std::optional<HalfValidityInterval> half_negative;  // missing as the fit's own side is
  std::optional<HalfValidityInterval> half_positive;
  int resamples = 0;
  int failed = 0;  // refits that were flat or did not converge; they are in no interval
};

// Resamples pairs, refits each resample from `fit`, and takes percentiles. The pair, not the value,
// is what was drawn from a population: a question's difficulty moves its whole curve.
// INVALID_ARGUMENT if the parameters or a multiplier are out of range, or a multiplier lies on a
// side without measurements; FAILED_PRECONDITION unless `fit` is a fit of `curve` (kFitted) over at
// least two pairs, or if every refit failed. The same input gives the same bits. About 1 ms a
// resample.
absl::StatusOr<CurveBand> BootstrapCurve(CurveLaw law, const DoseCurve& curve, const CurveFit& fit,
                                         const std::vector<double>& multipliers,
                                         const BootstrapParams& params);

}  // namespace steer

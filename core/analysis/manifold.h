#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/curve_fit.h"

namespace steer {

// How far steering takes activations from where the plain model's lie: what validity is thought to
// fall with (paper 2.4, assumptions A and B). The manifold is taken as a plane here, the mean of
// plain activations and their first principal components; P projects on these.

// How many components: so many, or as few as explain a share of the variance.
struct SubspaceSize {
  std::optional<int> components;
  double explained_share = 0.9;
};

struct ComponentCount {
  int components = 0;
  double explained_share = 0;
};

// `variances` along all principal directions, largest first and none negative, of `tokens`
// activations. Some variance must be left beside the components, so these are fewer than tokens and
// width: INVALID_ARGUMENT names "components", "explained_share" or "questions", FAILED_PRECONDITION
// tells that nothing varies.
absl::StatusOr<ComponentCount> CountComponents(const SubspaceSize& size,
                                               std::span<const double> variances, int64_t tokens);

// One token at one multiplier, h, beside itself in the plain model, h_0.
struct TokenShift {
  double norm = 0;      // |h|
  double distance = 0;  // |(I - P)(h - mean)|
  double change = 0;    // |h - h_0|
  double inside = 0;    // |P (h - h_0)|
};

// One number over tokens; quantiles by straight lines between neighbours.
struct Spread {
  double mean = 0;
  double low = 0;  // 5 %
  double median = 0;
  double high = 0;  // 95 %
};
Spread SpreadOf(std::vector<double> values);  // at least one

// All tokens at one multiplier.
struct ManifoldPoint {
  double multiplier = 0;
  Spread norm_ratio;          // |h| / |h_0|
  Spread distance;            // in the activations' own units
  double distance_ratio = 1;  // mean distance over the plain activations' mean distance
  double change = 0;          // mean |h - h_0|
  // sum |P (h - h_0)|^2 / sum |h - h_0|^2; none where nothing changes.
  std::optional<double> change_inside;
  // D of a dose curve's two laws.
  std::optional<double> preference_validity;
  std::optional<double> utility_validity;
};

// `shifts` and `plain` are the same tokens, at least one. OUT_OF_RANGE names the multiplier at
// which an activation is not a number.
absl::StatusOr<ManifoldPoint> MakeManifoldPoint(double multiplier,
                                                std::span<const TokenShift> shifts,
                                                std::span<const TokenShift> plain);

// D of a fitted law, where it was measured; none elsewhere and without a fit.
std::optional<double> ValidityAt(const CurveFit& fit, double multiplier);

}  // namespace steer

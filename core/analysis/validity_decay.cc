#include "core/analysis/validity_decay.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace steer {

double Validity(const DecaySide& side, double multiplier) {
  const double offset = multiplier - side.peak;
  return std::exp(-side.tail * std::log1p(offset * offset / side.width));
}

// dD/dm = -2 p (m - m±) / (L + (m - m±)²) D
double ValiditySlope(const DecaySide& side, double multiplier) {
  const double offset = multiplier - side.peak;
  return -2 * side.tail * offset / (side.width + offset * offset) * Validity(side, multiplier);
}

const DecaySide* ValidityDecay::SideOf(double multiplier) const {
  if (multiplier > 0 || (multiplier == 0 && positive)) return positive ? &*positive : nullptr;
  return negative ? &*negative : nullptr;
}

std::optional<double> ValidityDecay::At(double multiplier) const {
  const DecaySide* side = SideOf(multiplier);
  if (side == nullptr) return std::nullopt;
  return Validity(*side, multiplier);
}

std::optional<HalfValidity> ValidityDecay::HalfPoint(Side side, double range_end) const {
  const std::optional<DecaySide>& decay = side == Side::kPositive ? positive : negative;
  if (!decay) return std::nullopt;
  const double outward = side == Side::kPositive ? 1 : -1;
  const double reach = std::sqrt(decay->width * std::expm1(std::numbers::ln2 / decay->tail));
  const double distance = std::max(0.0, outward * decay->peak + reach);
  if (distance > std::abs(range_end)) return HalfValidity{range_end, true};
  return HalfValidity{outward * distance, false};
}

}  // namespace steer

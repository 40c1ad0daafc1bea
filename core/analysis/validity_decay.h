#pragma once

#include <optional>

namespace steer {

// One side of the validity decay (paper 2.4), in the units of m:
//   D(m) = (1 + (m - m±)² / L±)^(-p±)
struct DecaySide {
  double peak = 0;   // m±: where the steering line meets the manifold, D = 1
  double width = 1;  // L± > 0, in units of m squared
  double tail = 1;   // p± > 0
};

double Validity(const DecaySide& side, double multiplier);       // D, in (0, 1]
double ValiditySlope(const DecaySide& side, double multiplier);  // dD/dm

enum class Side { kNegative, kPositive };

// Where D has fallen to one half on its way out, and whether that lies in what was measured.
struct HalfValidity {
  double multiplier = 0;
  // The point lies farther out than any measured multiplier: `multiplier` is then the outermost one
  // and no more than a bound. A law is not believed where it was not seen.
  bool beyond_range = false;
};

// D(m), with one side for m >= 0 and one for m < 0. A side is missing where nothing was measured;
// the other then answers for m = 0 alone. An immutable value.
struct ValidityDecay {
  std::optional<DecaySide> negative;
  std::optional<DecaySide> positive;

  // The side that answers for this multiplier; nullptr if it is missing.
  const DecaySide* SideOf(double multiplier) const;
  std::optional<double> At(double multiplier) const;

  // m½ = m± ± sqrt(L± (2^(1/p±) - 1)) (paper 2.5), or 0 where D is below one half on the whole
  // side. `range_end` is the outermost measured multiplier of that side. nullopt if the side is
  // missing.
  std::optional<HalfValidity> HalfPoint(Side side, double range_end) const;
};

}  // namespace steer

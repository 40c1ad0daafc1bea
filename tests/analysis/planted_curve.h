#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "core/analysis/curve_fit.h"

namespace steer {

// A uniform draw that is the same with every standard library.
inline double Draw(std::mt19937_64& random, double low, double high) {
  return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
}

// 2 n + 1 multipliers from -range to range.
inline std::vector<double> Grid(double range, int n) {
  std::vector<double> grid;
  for (int i = -n; i <= n; ++i) grid.push_back(range * i / n);
  return grid;
}

inline DoseCurve OnePair(const FittedCurve& truth, const std::vector<double>& multipliers) {
  DoseCurve curve{.multipliers = multipliers, .values = {{}}};
  for (const double m : multipliers) curve.values[0].push_back(*truth.At(m));
  return curve;
}

enum class Peaks { kAtZero, kBothSides, kRight, kLeft };

// A random law over [-range, range] with D(0+) = D(0-): the peaks follow from the drawn D(0).
inline FittedCurve PlantedCurve(CurveLaw law, Peaks peaks, double range, std::mt19937_64& random) {
  const double depth = peaks == Peaks::kAtZero ? 0 : Draw(random, 0.02, 0.3);  // -log D(0)
  const auto side = [&](double sign) {
    DecaySide drawn;
    drawn.width = std::pow(range * Draw(random, 0.15, 0.7), 2);
    drawn.tail = std::exp(Draw(random, std::log(0.5), std::log(4)));
    drawn.peak = sign * std::sqrt(drawn.width * std::expm1(depth / drawn.tail));
    return drawn;
  };
  FittedCurve curve;
  curve.lowest_multiplier = -range;
  curve.highest_multiplier = range;
  curve.decay.positive = side(peaks == Peaks::kLeft ? -1 : 1);
  curve.decay.negative = side(peaks == Peaks::kRight ? 1 : -1);
  if (law == CurveLaw::kPreference) curve.alpha = Draw(random, 0.5, 4) / range;
  curve.beta = law == CurveLaw::kPreference ? Draw(random, -1, 1) : Draw(random, 0.5, 5);
  curve.b = Draw(random, -3, 3);
  return curve;
}

}  // namespace steer

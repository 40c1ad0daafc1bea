#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/steerctl/map_grid.h"
#include "tests/client/planted_curve.h"

namespace steer {

// Maps as a server would tell them, made of the planted laws.

inline std::vector<double> EvenMultipliers(double low, double high, int count) {
  std::vector<double> multipliers;
  for (int i = 0; i < count; ++i) multipliers.push_back(low + (high - low) * i / (count - 1));
  return multipliers;
}

// As planted, stretched by `strength`: the plain model is the same for all.
inline v1::Curve MakeCurveAt(const std::vector<double>& multipliers, double strength) {
  v1::Curve curve = MakeCurve({.points = 2});
  curve.clear_points();
  for (const double m : multipliers) {
    v1::CurvePoint& point = *curve.add_points();
    point.set_multiplier(m);
    point.set_preference(PlantedPreference(strength * m));
    point.set_utility(PlantedUtility(strength * m));
    point.set_sum_preference(12 * point.preference());
    point.set_sum_utility(12 * point.utility());
  }
  return curve;
}

// A signal per layer, strongest in the middle of the network.
inline MapPlot MakeFamily(int layers, const std::vector<double>& multipliers) {
  MapPlot plot;
  for (int layer = 0; layer < layers; ++layer) {
    const double depth = (layer + 0.5) / layers;
    const double strength = 1.3 * std::exp(-12 * (depth - 0.55) * (depth - 0.55));
    v1::Curve curve = MakeCurveAt(multipliers, strength);
    curve.set_id(absl::StrCat("c", layer, std::string(60, '0')));
    plot.curves.push_back(curve);
    plot.signals.push_back(
        {absl::StrCat("polite-", layer), absl::StrCat("layers.", layer, ".block_out")});
  }
  return plot;
}

inline MapPlot MakeTwo(const std::vector<double>& first, const std::vector<double>& second) {
  MapPlot plot;
  v1::Curve& curve = plot.curves.emplace_back(MakeCurve({.points = 2}));
  curve.clear_points();
  curve.mutable_second()->set_signal_id(std::string(64, 'b'));
  for (const double m1 : first) {
    for (const double m2 : second) {
      v1::CurvePoint& point = *curve.add_points();
      point.set_multiplier(m1);
      point.set_second_multiplier(m2);
      point.set_preference(PlantedPreference(m1 + 0.6 * m2));
      point.set_utility(PlantedUtility(std::hypot(m1, m2)));
      point.set_sum_preference(12 * point.preference());
      point.set_sum_utility(12 * point.utility());
    }
  }
  plot.signals = {{"polite", ""}, {"brief", ""}};
  return plot;
}

}  // namespace steer

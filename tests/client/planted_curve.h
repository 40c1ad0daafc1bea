#pragma once

#include <cmath>
#include <vector>

#include "steer/v1/analysis.pb.h"

namespace steer {

// A dose curve as a server would tell it, made of the paper's two laws (section 2.4) with known
// parameters and a fixed pattern for noise.
struct PlantedCurve {
  double low = -8;
  double high = 8;
  int points = 25;
  double noise = 0.02;
  bool bands = true;
};

inline double PlantedValidity(double m) {
  const double width = m < 0 ? 7 : 9;
  return std::pow(1 + m * m / width, m < 0 ? -1.6 : -1.3);
}
inline double PlantedPreference(double m) { return (0.9 * m + 0.4) * PlantedValidity(m) - 0.25; }
inline double PlantedUtility(double m) { return 2.1 * PlantedValidity(m) - 1.4; }

inline void SetInterval(v1::Interval& interval, double value, double half) {
  interval.set_low(value - half);
  interval.set_high(value + half);
}

inline v1::Curve MakeCurve(const PlantedCurve& planted = {}) {
  v1::Curve curve;
  curve.set_id(std::string(64, 'c'));
  curve.set_signal_id("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  curve.mutable_positions()->set_prompt(false);
  curve.set_model_fingerprint(std::string(64, 'f'));
  curve.set_pairs(30);
  curve.set_utility_pairs(28);
  curve.set_created_unix_ms(1'700'000'000'000);
  for (int i = 0; i < planted.points; ++i) {
    const double m = planted.low + (planted.high - planted.low) * i / (planted.points - 1);
    v1::CurvePoint& point = *curve.add_points();
    point.set_multiplier(m);
    point.set_preference(PlantedPreference(m) + planted.noise * std::sin(5.0 * i));
    point.set_utility(PlantedUtility(m) + planted.noise * std::cos(3.0 * i));
    SetInterval(*point.mutable_preference_interval(), point.preference(), 0.12);
    SetInterval(*point.mutable_utility_interval(), point.utility(), 0.09);
    point.set_sum_preference(12 * point.preference());
    point.set_sum_utility(12 * point.utility());
  }
  return curve;
}

inline void SetLaw(v1::LawFit& law, double alpha, double beta, double b) {
  law.set_verdict(v1::FITTED);
  law.set_pairs(30);
  law.set_alpha(alpha);
  law.set_beta(beta);
  law.set_b(b);
  law.mutable_negative()->set_width(7);
  law.mutable_negative()->set_tail(1.6);
  law.mutable_positive()->set_width(9);
  law.mutable_positive()->set_tail(1.3);
  law.set_r_squared(0.9987);
  // sqrt(width (2^(1 / tail) - 1)), section 2.5.
  law.mutable_half_negative()->set_multiplier(-std::sqrt(7 * (std::exp2(1 / 1.6) - 1)));
  law.mutable_half_positive()->set_multiplier(std::sqrt(9 * (std::exp2(1 / 1.3) - 1)));
}

inline void SetHalfIntervals(v1::LawFit& law) {
  for (v1::HalfValidity* half : {law.mutable_half_negative(), law.mutable_half_positive()}) {
    half->set_nearest(0.93 * half->multiplier());
    half->set_farthest(1.09 * half->multiplier());
  }
  law.set_resamples(200);
}

inline v1::FitCurveResponse MakeFit(const PlantedCurve& planted = {}) {
  v1::FitCurveResponse fit;
  *fit.mutable_curve() = MakeCurve(planted);
  SetLaw(*fit.mutable_preference(), 0.9, 0.4, -0.25);
  SetLaw(*fit.mutable_utility(), 0, 2.1, -1.4);
  fit.mutable_utility()->set_pairs(28);
  fit.mutable_utility()->set_dropped_pairs(2);
  if (planted.bands) SetHalfIntervals(*fit.mutable_preference());
  if (planted.bands) SetHalfIntervals(*fit.mutable_utility());
  constexpr int kSteps = 100;
  for (int i = 0; i <= kSteps; ++i) {
    const double m = planted.low + (planted.high - planted.low) * i / kSteps;
    v1::FittedPoint& point = *fit.add_fitted();
    point.set_multiplier(m);
    point.set_preference(PlantedPreference(m));
    point.set_utility(PlantedUtility(m));
    if (!planted.bands) continue;
    SetInterval(*point.mutable_preference_band(), point.preference(), 0.06 + 0.012 * std::abs(m));
    SetInterval(*point.mutable_utility_band(), point.utility(), 0.05 + 0.004 * std::abs(m));
  }
  const auto add_phase = [&](v1::Phase phase, double low, double high) {
    v1::PhaseInterval& interval = *fit.add_phases();
    interval.set_phase(phase);
    interval.set_low(low);
    interval.set_high(high);
  };
  add_phase(v1::CONVERGENCE, planted.low, -6);
  add_phase(v1::TRANSITIONAL, -6, -0.7);
  add_phase(v1::LINEAR, -0.7, 0);
  add_phase(v1::LINEAR, 0, 0.6);
  add_phase(v1::TRANSITIONAL, 0.6, planted.high);
  return fit;
}

inline v1::RecommendMultiplierResponse MakeRecommendation() {
  v1::RecommendMultiplierResponse told;
  told.set_feasible(true);
  told.set_multiplier(1.37);
  told.set_preference(PlantedPreference(1.37));
  told.set_preference_gain(PlantedPreference(1.37) - PlantedPreference(0));
  told.set_utility(PlantedUtility(1.37));
  told.set_utility_loss(PlantedUtility(0) - PlantedUtility(1.37));
  told.set_searched_low(-1.95);
  told.set_searched_high(2.51);
  told.set_low_end("half validity");
  told.set_high_end("half validity");
  return told;
}

// Fits to neither quantity, each with its reason.
inline v1::FitCurveResponse MakeUnfitted(const v1::Curve& curve) {
  v1::FitCurveResponse fit;
  *fit.mutable_curve() = curve;
  fit.mutable_preference()->set_verdict(v1::TOO_FEW_POINTS);
  fit.mutable_preference()->set_reason("5 multipliers; 9 are the least");
  fit.mutable_utility()->set_verdict(v1::FLAT);
  fit.mutable_utility()->set_reason("the means lie within 1e-9 nats");
  fit.set_phases_missing("the preference was not fitted");
  return fit;
}

}  // namespace steer

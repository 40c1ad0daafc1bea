#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/steerctl/table.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// What steerctl says of dose curves. Numbers are nats of the mode's losses.

// "fitted", or the verdict and its reason in words.
std::string VerdictText(const v1::LawFit& law);
// "linear", "transitional", "convergence"
std::string PhaseText(v1::Phase phase);
// "means per answer token", "sums over the answers' tokens"
std::string ModeText(v1::LossMode mode);

// A row per point, with both multipliers of two signals. `valid`: pairs with a defined utility, by
// multiplier; without any there is no such column.
Table CurveTable(const v1::Curve& curve, v1::LossMode mode, const std::map<double, int>& valid);
// A row per curve: "0123456789ab + fedcba987654" of two signals.
Table CurveList(const std::vector<v1::Curve>& curves);
// What the curve holds for, one line each.
std::string Details(const v1::Curve& curve);

// The laws with R² and half-validity points, and the phases of the preference.
std::string FitText(const v1::FitCurveResponse& fit, v1::LossMode mode);
std::string RecommendationText(const v1::RecommendMultiplierResponse& recommendation);

}  // namespace steer

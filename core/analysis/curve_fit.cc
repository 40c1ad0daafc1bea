#include "core/analysis/curve_fit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/analysis/decay_search.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// Below this share of the largest value a spread is rounding.
constexpr double kFlatShare = 1e-9;
constexpr double kContinuous = 1e-6;  // |D(0+) - D(0-)| after the way back to the units of m

// How a curve in the units of m becomes a StandardCurve: x = m / scale, y = (value - mean) /
// spread. Measurements at m <= 0 alone are reflected, so that a one-sided search is always about x
// >= 0.
struct Standard {
  double scale = 1;  // negative if reflected
  double mean = 0;
  double spread = 0;
  StandardCurve curve;
};

Standard Standardise(CurveLaw law, const std::vector<double>& multipliers,
                     const std::vector<double>& means) {
  Standard standard;
  const double low = multipliers.front(), high = multipliers.back();
  standard.scale = high > 0 ? std::max(-low, high) : low;
  const double n = static_cast<double>(means.size());
  for (const double value : means) standard.mean += value / n;
  for (const double value : means) standard.spread += std::pow(value - standard.mean, 2) / n;
  standard.spread = std::sqrt(standard.spread);
  StandardCurve& curve = standard.curve;
  curve.linear_term = law == CurveLaw::kPreference;
  for (size_t i = 0; i < means.size(); ++i) {
    curve.x.push_back(multipliers[i] / standard.scale);
    curve.y.push_back((means[i] - standard.mean) / standard.spread);
  }
  if (standard.scale < 0) {
    std::reverse(curve.x.begin(), curve.x.end());
    std::reverse(curve.y.begin(), curve.y.end());
  }
  curve.extent_positive = curve.x.back();
  curve.extent_negative = std::max(0.0, -curve.x.front());
  return standard;
}

DecaySide Scaled(const DecaySide& side, double scale) {
  return {.peak = side.peak * scale, .width = side.width * scale * scale, .tail = side.tail};
}

ValidityDecay Scaled(const ValidityDecay& decay, double scale) {
  ValidityDecay scaled;
  if (decay.positive) scaled.positive = Scaled(*decay.positive, scale);
  if (decay.negative) scaled.negative = Scaled(*decay.negative, scale);
  if (scale < 0) std::swap(scaled.positive, scaled.negative);
  return scaled;
}

bool IsFlat(const Standard& standard, const std::vector<double>& means) {
  double largest = 0;
  for (const double value : means) largest = std::max(largest, std::abs(value));
  return !(standard.spread > kFlatShare * largest);
}

// The search's result in the units of m; nullopt unless it is stationary, continuous and finite.
std::optional<FittedCurve> ToCurve(const SearchResult& found, const Standard& standard,
                                   const std::vector<double>& multipliers) {
  FittedCurve curve;
  curve.alpha = found.alpha * standard.spread / standard.scale;
  curve.beta = found.beta * standard.spread;
  curve.b = found.b * standard.spread + standard.mean;
  curve.decay = Scaled(found.decay, standard.scale);
  curve.lowest_multiplier = multipliers.front();
  curve.highest_multiplier = multipliers.back();
  const ValidityDecay& decay = curve.decay;
  const bool continuous =
      !decay.positive || !decay.negative ||
      std::abs(Validity(*decay.positive, 0) - Validity(*decay.negative, 0)) <= kContinuous;
  const bool finite =
      std::isfinite(curve.alpha) && std::isfinite(curve.beta) && std::isfinite(curve.b);
  if (!found.stationary || !continuous || !finite) return std::nullopt;
  return curve;
}

// Why the multipliers cannot carry a fit; empty if they can.
std::string TooFew(CurveLaw law, const std::vector<double>& multipliers) {
  const auto count = [&](auto keep) {
    return static_cast<int>(std::count_if(multipliers.begin(), multipliers.end(), keep));
  };
  const int negative = count([](double m) { return m < 0; });
  const int positive = count([](double m) { return m > 0; });
  for (const auto& [side, points] : {std::pair("below", negative), std::pair("above", positive)}) {
    if (points > 0 && points < kMinPointsPerSide) {
      return absl::StrCat("multipliers: ", points, " ", side, " 0, allowed: none or at least ",
                          kMinPointsPerSide);
    }
  }
  const bool two_sided = negative > 0 && positive > 0;
  const bool preference = law == CurveLaw::kPreference;
  const int least = two_sided
                        ? (preference ? kMinPreferencePoints : kMinUtilityPoints)
                        : (preference ? kMinOneSidedPreferencePoints : kMinOneSidedUtilityPoints);
  const int points = static_cast<int>(multipliers.size());
  if (points >= least) return "";
  return absl::StrCat("multipliers: ", points, ", allowed: at least ", least, " to fit ",
                      preference ? "preference" : "utility", two_sided ? " on both sides" : "",
                      two_sided ? " of 0" : " on one side of 0");
}

double SquaredSum(const std::vector<double>& values, double mean) {
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum;
}

absl::StatusOr<CurveFit> Fit(CurveLaw law, const DoseCurve& input) {
  STEER_RETURN_IF_ERROR(ValidateDoseCurve(input));
  CurveFit fit;
  fit.pairs = static_cast<int>(input.values.size());
  fit.dropped_pairs = input.dropped_pairs;
  fit.multipliers = input.multipliers;
  fit.means = MeanOverPairs(input);
  fit.reason = TooFew(law, fit.multipliers);
  if (!fit.reason.empty()) {
    fit.verdict = FitVerdict::kTooFewPoints;
    return fit;
  }
  const Standard standard = Standardise(law, fit.multipliers, fit.means);
  if (IsFlat(standard, fit.means)) {
    fit.verdict = FitVerdict::kFlat;
    fit.reason = absl::StrCat("values: ", standard.mean, " at every multiplier; a curve that does ",
                              "not vary says nothing about D");
    return fit;
  }
  const SearchResult found = SearchDecay(standard.curve, DefaultStarts(standard.curve));
  fit.curve = ToCurve(found, standard, fit.multipliers);
  if (!fit.curve) {
    fit.verdict = FitVerdict::kNotConverged;
    fit.reason = absl::StrCat("no start converged; the best had R² ", 1 - found.misfit);
    return fit;
  }
  fit.verdict = FitVerdict::kFitted;
  for (size_t i = 0; i < fit.means.size(); ++i) {
    const double fitted = fit.curve->At(fit.multipliers[i]).value();
    fit.residuals.push_back(fit.means[i] - fitted);
  }
  fit.r_squared = 1 - SquaredSum(fit.residuals, 0) / SquaredSum(fit.means, standard.mean);
  return fit;
}

}  // namespace

std::optional<double> FittedCurve::At(double multiplier) const {
  const DecaySide* side = decay.SideOf(multiplier);
  if (side == nullptr) return std::nullopt;
  return (alpha * multiplier + beta) * Validity(*side, multiplier) + b;
}

// f' = alpha D + (alpha m + beta) D'
std::optional<double> FittedCurve::SlopeAt(double multiplier) const {
  const DecaySide* side = decay.SideOf(multiplier);
  if (side == nullptr) return std::nullopt;
  return alpha * Validity(*side, multiplier) +
         (alpha * multiplier + beta) * ValiditySlope(*side, multiplier);
}

std::optional<HalfValidity> FittedCurve::HalfPoint(Side side) const {
  return decay.HalfPoint(side, side == Side::kPositive ? highest_multiplier : lowest_multiplier);
}

absl::StatusOr<CurveFit> FitPreference(const DoseCurve& curve) {
  return Fit(CurveLaw::kPreference, curve);
}

absl::StatusOr<CurveFit> FitUtility(const DoseCurve& curve) {
  return Fit(CurveLaw::kUtility, curve);
}

std::optional<FittedCurve> Refit(CurveLaw law, const FittedCurve& start,
                                 const std::vector<double>& multipliers,
                                 const std::vector<double>& means) {
  STEER_CHECK(!multipliers.empty() && multipliers.size() == means.size());
  STEER_CHECK(multipliers.front() == start.lowest_multiplier &&
              multipliers.back() == start.highest_multiplier);
  const Standard standard = Standardise(law, multipliers, means);
  if (IsFlat(standard, means)) return std::nullopt;
  const DecayPoint point = ToDecayPoint(standard.curve, Scaled(start.decay, 1 / standard.scale));
  return ToCurve(SearchDecay(standard.curve, WarmStarts(standard.curve, point)), standard,
                 multipliers);
}

}  // namespace steer

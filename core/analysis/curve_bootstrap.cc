#include "core/analysis/curve_bootstrap.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr int kMaxResamples = 10000;

absl::Status CheckInput(const DoseCurve& curve, const CurveFit& fit,
                        const std::vector<double>& multipliers, const BootstrapParams& params) {
  STEER_RETURN_IF_ERROR(ValidateDoseCurve(curve));
  if (params.resamples < 1 || params.resamples > kMaxResamples) {
    return InvalidField("resamples", absl::StrCat(params.resamples),
                        absl::StrCat("1 to ", kMaxResamples));
  }
  if (!(params.confidence > 0 && params.confidence < 1)) {
    return InvalidField("confidence", absl::StrCat(params.confidence), "between 0 and 1");
  }
  if (!fit.curve || fit.multipliers != curve.multipliers) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"NOT_FITTED", "fit", fit.curve ? "of other multipliers" : fit.reason,
                       "a fit of the same curve"});
  }
  if (curve.values.size() < 2) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"TOO_FEW_PAIRS", "values", "1 pair", "at least 2: pairs are resampled"});
  }
  for (size_t i = 0; i < multipliers.size(); ++i) {
    if (std::isfinite(multipliers[i]) && fit.curve->At(multipliers[i])) continue;
    return InvalidField(absl::StrCat("multipliers[", i, "]"), absl::StrCat(multipliers[i]),
                        "finite, on a side of 0 that was measured");
  }
  return absl::OkStatus();
}

std::vector<double> ResampledMeans(const DoseCurve& curve, std::mt19937_64& random) {
  std::vector<double> means(curve.multipliers.size());
  const size_t pairs = curve.values.size();
  for (size_t draw = 0; draw < pairs; ++draw) {
    const std::vector<double>& values = curve.values[random() % pairs];
    for (size_t i = 0; i < means.size(); ++i) means[i] += values[i];
  }
  for (double& mean : means) mean /= static_cast<double>(pairs);
  return means;
}

// The two percentiles of sorted values.
template <typename T>
std::pair<T, T> Percentiles(const std::vector<T>& sorted, double confidence) {
  const double tail = (1 - confidence) / 2;
  const auto at = [&](double quantile) {
    return sorted[std::lround(quantile * static_cast<double>(sorted.size() - 1))];
  };
  return {at(tail), at(1 - tail)};
}

std::optional<HalfValidityInterval> HalfInterval(const std::vector<FittedCurve>& refits, Side side,
                                                 double confidence) {
  std::vector<HalfValidity> halves;
  halves.reserve(refits.size());
  for (const FittedCurve& refit : refits) {
    const std::optional<HalfValidity> half = refit.HalfPoint(side);
    if (!half) return std::nullopt;
    halves.push_back(*half);
  }
  // One beyond the range stands at its end, so it comes last.
  std::sort(halves.begin(), halves.end(), [](const HalfValidity& a, const HalfValidity& b) {
    return std::abs(a.multiplier) < std::abs(b.multiplier);
  });
  const auto [nearest, farthest] = Percentiles(halves, confidence);
  return HalfValidityInterval{nearest, farthest};
}

}  // namespace

absl::StatusOr<CurveBand> BootstrapCurve(CurveLaw law, const DoseCurve& curve, const CurveFit& fit,
                                         const std::vector<double>& multipliers,
                                         const BootstrapParams& params) {
  STEER_RETURN_IF_ERROR(CheckInput(curve, fit, multipliers, params));
  CurveBand band{.multipliers = multipliers, .resamples = params.resamples};
  std::mt19937_64 random(params.seed);
  std::vector<FittedCurve> refits;
  for (int resample = 0; resample < params.resamples; ++resample) {
    std::optional<FittedCurve> refit =
        Refit(law, *fit.curve, curve.multipliers, ResampledMeans(curve, random));
    if (refit) refits.push_back(*std::move(refit));
  }
  band.failed = params.resamples - static_cast<int>(refits.size());
  if (refits.empty()) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"NOT_FITTED", "values", "no resample could be fitted",
                       "pairs whose resampled means vary with the multiplier"});
  }
  for (const double multiplier : multipliers) {
    std::vector<double> values;
    values.reserve(refits.size());
    for (const FittedCurve& refit : refits) values.push_back(*refit.At(multiplier));
    std::sort(values.begin(), values.end());
    const auto [low, high] = Percentiles(values, params.confidence);
    band.band.push_back({.low = low, .high = high});
  }
  band.half_negative = HalfInterval(refits, Side::kNegative, params.confidence);
  band.half_positive = HalfInterval(refits, Side::kPositive, params.confidence);
  return band;
}

}  // namespace steer

#include "core/analysis/curve_report.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/analysis/dose_curve.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr double kConfidence = 0.95;
constexpr int kResamples = 2000;
constexpr uint64_t kSeed = 1;

// The values of all pairs at one multiplier.
std::vector<double> At(const DoseCurve& curve, size_t multiplier) {
  std::vector<double> values;
  values.reserve(curve.values.size());
  for (const std::vector<double>& pair : curve.values) values.push_back(pair[multiplier]);
  return values;
}

Interval IntervalAt(const DoseCurve& curve, size_t multiplier) {
  return BootstrapMean(At(curve, multiplier), kConfidence, kResamples, kSeed);
}

std::vector<double> EvenGrid(double low, double high, int points) {
  std::vector<double> grid;
  grid.reserve(static_cast<size_t>(points));
  for (int i = 0; i < points; ++i) grid.push_back(low + (high - low) * i / (points - 1));
  grid.back() = high;
  return grid;
}

absl::StatusOr<LawReport> ReportLaw(CurveLaw law, const absl::StatusOr<DoseCurve>& curve,
                                    const std::optional<BootstrapParams>& bootstrap,
                                    const std::vector<double>& grid) {
  LawReport report;
  if (!curve.ok()) {
    report.fit.verdict = FitVerdict::kTooFewPoints;
    report.fit.reason = std::string(curve.status().message());
    return report;
  }
  STEER_ASSIGN_OR_RETURN(report.fit,
                         law == CurveLaw::kPreference ? FitPreference(*curve) : FitUtility(*curve));
  if (report.fit.verdict != FitVerdict::kFitted || !bootstrap || report.fit.pairs < 2)
    return report;
  STEER_ASSIGN_OR_RETURN(report.band, BootstrapCurve(law, *curve, report.fit, grid, *bootstrap));
  return report;
}

}  // namespace

CurveSummary SummariseCurve(const std::vector<ScorePoint>& points) {
  CurveSummary summary;
  const auto preference = PreferenceCurve(points, LossMode::kMean);
  const auto utility = UtilityCurve(points, LossMode::kMean);
  const auto sum_utility = UtilityCurve(points, LossMode::kSum);
  std::vector<double> utilities, sum_utilities;
  if (utility.ok()) {
    utilities = MeanOverPairs(*utility);
    summary.utility_pairs = static_cast<int>(utility->values.size());
  }
  if (sum_utility.ok()) sum_utilities = MeanOverPairs(*sum_utility);
  for (size_t i = 0; i < points.size(); ++i) {
    CurvePoint& point = summary.points.emplace_back();
    point.multiplier = points[i].multiplier;
    point.preference = points[i].mean.preference;
    point.sum_preference = points[i].sum.preference;
    if (preference.ok()) point.preference_interval = IntervalAt(*preference, i);
    if (!utilities.empty()) {
      point.utility = utilities[i];
      point.utility_interval = IntervalAt(*utility, i);
    }
    if (!sum_utilities.empty()) point.sum_utility = sum_utilities[i];
  }
  return summary;
}

absl::StatusOr<FitReport> ReportFit(const std::vector<ScorePoint>& points, LossMode mode,
                                    const std::optional<BootstrapParams>& bootstrap,
                                    int band_points) {
  FitReport report;
  report.grid = EvenGrid(points.front().multiplier, points.back().multiplier, band_points);
  STEER_ASSIGN_OR_RETURN(
      report.preference,
      ReportLaw(CurveLaw::kPreference, PreferenceCurve(points, mode), bootstrap, report.grid));
  STEER_ASSIGN_OR_RETURN(report.utility, ReportLaw(CurveLaw::kUtility, UtilityCurve(points, mode),
                                                   bootstrap, report.grid));
  if (!report.preference.fit.curve) {
    report.phases_missing = "the preference curve was not fitted";
    return report;
  }
  const absl::StatusOr<PhaseReport> phases = FindPhases(*report.preference.fit.curve);
  if (!phases.ok()) {
    report.phases_missing = std::string(phases.status().message());
    return report;
  }
  report.phases = phases->negative;
  report.phases.insert(report.phases.end(), phases->positive.begin(), phases->positive.end());
  return report;
}

absl::StatusOr<SignalCurves> ToSignalCurves(const std::vector<ScorePoint>& points) {
  SignalCurves curves;
  for (const CurvePoint& point : SummariseCurve(points).points)
    curves.points.push_back({point.multiplier, point.preference, point.utility});
  STEER_ASSIGN_OR_RETURN(FitReport report,
                         ReportFit(points, LossMode::kMean, /*bootstrap=*/std::nullopt, 2));
  curves.preference = std::move(report.preference.fit);
  curves.utility = std::move(report.utility.fit);
  return curves;
}

}  // namespace steer

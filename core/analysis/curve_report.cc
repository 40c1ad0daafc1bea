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

// A quantity at every point: means over pairs, and the pairs' values for the bootstrap.
class MeanValues {
 public:
  MeanValues(const std::vector<ScorePoint>& points, Quantity quantity, LossMode mode) {
    absl::StatusOr<PairValues> all = ValuesOf(points, quantity, mode);
    if (!all.ok() || all->values.empty()) return;
    values_ = std::move(all->values);
    means_ = MeanOverPairs(values_);
  }

  size_t pairs() const { return values_.size(); }
  std::optional<double> At(size_t point) const {
    return means_.empty() ? std::nullopt : std::optional<double>(means_[point]);
  }
  Interval IntervalAt(size_t point) const {
    std::vector<double> values;
    values.reserve(values_.size());
    for (const std::vector<double>& pair : values_) values.push_back(pair[point]);
    return BootstrapMean(values, kConfidence, kResamples, kSeed);
  }

 private:
  std::vector<std::vector<double>> values_;  // [pairs][points]; none if it is undefined
  std::vector<double> means_;
};

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
  const MeanValues preference(points, Quantity::kPreference, LossMode::kMean);
  const MeanValues sum_preference(points, Quantity::kPreference, LossMode::kSum);
  const MeanValues utility(points, Quantity::kUtility, LossMode::kMean);
  const MeanValues sum_utility(points, Quantity::kUtility, LossMode::kSum);
  summary.utility_pairs = static_cast<int>(utility.pairs());
  for (size_t i = 0; i < points.size(); ++i) {
    CurvePoint& point = summary.points.emplace_back();
    point.multiplier = points[i].multiplier;
    point.second_multiplier = points[i].second_multiplier;
    point.preference = points[i].mean.preference;
    point.sum_preference = points[i].sum.preference;
    if (preference.At(i)) point.preference_interval = preference.IntervalAt(i);
    if (sum_preference.At(i)) point.sum_preference_interval = sum_preference.IntervalAt(i);
    point.utility = utility.At(i);
    if (point.utility) point.utility_interval = utility.IntervalAt(i);
    point.sum_utility = sum_utility.At(i);
    if (point.sum_utility) point.sum_utility_interval = sum_utility.IntervalAt(i);
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
  const MeanValues utility(points, Quantity::kUtility, LossMode::kMean);
  for (size_t i = 0; i < points.size(); ++i)
    curves.points.push_back({points[i].multiplier, points[i].mean.preference, utility.At(i)});
  STEER_ASSIGN_OR_RETURN(FitReport report,
                         ReportFit(points, LossMode::kMean, /*bootstrap=*/std::nullopt, 2));
  curves.preference = std::move(report.preference.fit);
  curves.utility = std::move(report.utility.fit);
  return curves;
}

}  // namespace steer

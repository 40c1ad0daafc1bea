#include "core/runtime/learnt_signals.h"

#include <cmath>
#include <utility>

#include "core/analysis/curve_report.h"
#include "core/analysis/predict.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/analysis/recommend.h"
#include "core/analysis/sweep.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/curve_points.h"
#include "nlohmann/json.hpp"

namespace steer {

double NormOf(const SignalData& signal) {
  double sum = 0;
  for (const SiteUpdate& update : signal.updates) {
    for (const auto& [name, tensor] : update.tensors)
      for (const float value : tensor.floats()) sum += static_cast<double>(value) * value;
  }
  return std::sqrt(sum);
}

absl::StatusOr<LearntSignals::Kept> LearntSignals::Keep(
    const LearnSpec& spec, LearntSignal learnt, const SignalOrigin& origin,
    const std::function<bool()>& stopped) const {
  learnt.signal.marks = model_.marks;
  STEER_RETURN_IF_ERROR(Validate(learnt.signal, model_.shape));
  STEER_ASSIGN_OR_RETURN(const SignalStore::PutResult put,
                         store_.Put(learnt.signal, spec.labels, spec.description));
  Kept kept = {
      .signal_id = put.record.id, .existed = put.existed, .results = std::move(learnt.results)};
  absl::Status status = Judge(spec, learnt.reach, stopped, kept);
  if (status.ok()) status = Tell(origin, kept);
  if (status.ok()) return kept;
  Drop(kept);
  return status;
}

void LearntSignals::Drop(const Kept& kept) const {
  if (!kept.existed) store_.Delete(kept.signal_id, /*with_aliases=*/false).IgnoreError();
}

absl::StatusOr<std::string> LearntSignals::SetName(const LearnSpec& spec,
                                                   const std::string& signal_id) const {
  if (spec.alias.empty()) return "";
  const std::string name = spec.promote ? spec.alias : DraftOf(spec.alias);
  STEER_RETURN_IF_ERROR(store_.SetAlias(name, signal_id, std::nullopt).status());
  return name;
}

absl::Status LearntSignals::Judge(const LearnSpec& spec, double reach,
                                  const std::function<bool()>& stopped, Kept& kept) const {
  if (spec.held_out.empty()) return absl::OkStatus();
  SweepSpec sweep;
  sweep.pairs = WithOneQuestion(spec.held_out);
  sweep.system = spec.system;
  sweep.control.signal = kept.signal_id;
  sweep.grid = AdaptiveGrid{.low = -reach, .high = reach};
  STEER_ASSIGN_OR_RETURN(
      const CurveRecord curve,
      scoring_.Sweep(sweep, stopped, {.on_point = [](const ScorePoint&) { return true; }}));
  kept.curve_id = curve.id;
  const std::vector<ScorePoint> points = PointsOf(curve);
  STEER_ASSIGN_OR_RETURN(const FitReport fit, ReportFit(points, LossMode::kMean,
                                                        /*bootstrap=*/std::nullopt,
                                                        /*band_points=*/2));
  kept.results.emplace("held_out_pairs", curve.pairs);
  if (fit.preference.fit.r_squared)
    kept.results.emplace("preference_r_squared", *fit.preference.fit.r_squared);
  if (fit.utility.fit.r_squared)
    kept.results.emplace("utility_r_squared", *fit.utility.fit.r_squared);
  kept.outcome = {.signal_id = kept.signal_id, .curve_id = kept.curve_id};
  if (!spec.search) return absl::OkStatus();
  STEER_ASSIGN_OR_RETURN(const SignalCurves curves, ToSignalCurves(points));
  const absl::StatusOr<Recommendation> best =
      RecommendWithinBudget(curves, spec.search->max_utility_loss, Direction::kMorePreference);
  // A curve without a utility recommends nothing, and its layer is not suggested.
  if (!best.ok() || !best->feasible || best->prediction.preference_gain <= 0)
    return absl::OkStatus();
  kept.outcome.multiplier = best->prediction.multiplier;
  kept.outcome.preference_gain = best->prediction.preference_gain;
  kept.outcome.utility_loss = best->prediction.utility_loss;
  return absl::OkStatus();
}

absl::Status LearntSignals::Tell(const SignalOrigin& origin, const Kept& kept) const {
  using Json = nlohmann::ordered_json;
  Json json = {{"job", origin.job},
               {"learner", origin.learner},
               {"settings", Json::parse(origin.settings, nullptr, /*allow_exceptions=*/false)},
               {"pairs", origin.pairs},
               {"pairs_sha256", origin.pairs_sha256},
               {"model_fingerprint", CurveFingerprint(model_)},
               {"results", kept.results}};
  if (json["settings"].is_discarded()) json["settings"] = nullptr;
  if (!origin.dataset.empty()) json["dataset"] = origin.dataset;
  if (!origin.held_out_dataset.empty()) json["held_out_dataset"] = origin.held_out_dataset;
  if (!kept.curve_id.empty()) json["curve"] = kept.curve_id;
  return store_.SetProvenance(kept.signal_id,
                              json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace steer

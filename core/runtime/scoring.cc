#include "core/runtime/scoring.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/analysis/sweep.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/curve_points.h"
#include "core/runtime/engine_scorer.h"

namespace steer {
namespace {

// A curve that could not be kept is refused before it is measured.
absl::Status CheckSize(const SweepSpec& spec) {
  const auto* const adaptive = std::get_if<AdaptiveGrid>(&spec.grid);
  int64_t points =
      adaptive != nullptr ? adaptive->points : std::ssize(std::get<std::vector<double>>(spec.grid));
  if (spec.second) points *= std::ssize(spec.second->multipliers);
  const int64_t most = kMaxCurveLosses / std::ssize(spec.pairs);
  if (points <= most) return absl::OkStatus();
  return InvalidField("grid",
                      absl::StrCat(points, " multipliers for ", spec.pairs.size(), " pairs"),
                      absl::StrCat("up to ", most, " for so many"));
}

absl::Status CheckFactors(const PreparedControls& controls, const std::vector<double>& factors,
                          const std::string& field) {
  for (size_t i = 0; i < factors.size(); ++i)
    STEER_RETURN_IF_ERROR(CheckFactor(controls, factors[i], absl::StrCat(field, "[", i, "]")));
  return absl::OkStatus();
}

absl::Status CheckGrid(const PreparedControls& controls, const SweepSpec& spec) {
  if (const auto* grid = std::get_if<AdaptiveGrid>(&spec.grid)) {
    STEER_RETURN_IF_ERROR(CheckFactor(controls, grid->low, "adaptive.low"));
    return CheckFactor(controls, grid->high, "adaptive.high");
  }
  STEER_RETURN_IF_ERROR(
      CheckFactors(controls, std::get<std::vector<double>>(spec.grid), "multipliers.values"));
  if (!spec.second) return absl::OkStatus();
  return CheckFactors(controls, spec.second->multipliers, "second.multipliers.values");
}

// The multipliers of a sweep are factors on it.
ControlSpec AtOne(ControlSpec control) {
  control.multiplier = 1.0;
  control.bias_multiplier.reset();
  return control;
}

}  // namespace

struct Scoring::Prepared {
  std::vector<TokenPair> pairs;
  bool end_of_turn = false;
  PreparedControls controls;
  std::vector<EngineScorer::Place> places;
};

absl::StatusOr<Scoring::Prepared> Scoring::Prepare(const PairSetSpec& spec,
                                                   const std::vector<ControlSpec>& controls) const {
  Prepared prepared;
  const Admission::PairForm form =
      spec.raw ? Admission::PairForm::kVerbatim : parts_.admission->form();
  prepared.end_of_turn = spec.end_of_turn.value_or(form == Admission::PairForm::kChat);
  STEER_ASSIGN_OR_RETURN(
      prepared.pairs, parts_.admission->Pairs(spec.pairs, {.system = spec.system,
                                                           .form = form,
                                                           .end_of_turn = prepared.end_of_turn,
                                                           .both_spellings = spec.both_spellings}));
  STEER_ASSIGN_OR_RETURN(prepared.controls, parts_.controls->Resolve(controls));
  for (size_t i = 0; i < prepared.pairs.size(); ++i) {
    const TokenPair& pair = prepared.pairs[i];
    for (const std::vector<ForcedText>* texts : {&pair.positive, &pair.negative}) {
      STEER_RETURN_IF_ERROR(CheckSelections(prepared.controls, texts->front().layout,
                                            absl::StrCat("pairs[", i, "]")));
    }
  }
  STEER_ASSIGN_OR_RETURN(prepared.places, parts_.pools->ScoringPlaces());
  return prepared;
}

absl::Status Scoring::Check(const PairSetSpec& pairs,
                            const std::vector<ControlSpec>& controls) const {
  return Prepare(pairs, controls).status();
}

absl::Status Scoring::Score(const ScoreSpec& spec, const std::function<bool()>& cancelled,
                            const ScoreListener& listener) const {
  STEER_ASSIGN_OR_RETURN(Prepared prepared, Prepare(spec, spec.controls));
  STEER_RETURN_IF_ERROR(CheckFactors(prepared.controls, spec.multipliers, "multipliers"));
  EngineScorer scorer(std::move(prepared.places), parts_.unit_rows, std::move(prepared.controls));
  return ScorePairs(scorer, prepared.pairs, spec.multipliers, cancelled, listener);
}

CurveRecord Scoring::HeadOf(const SweepSpec& spec, const Prepared& prepared) const {
  CurveRecord curve;
  const std::vector<ResolvedControl>& resolved = prepared.controls.resolved;
  curve.signal_id = resolved.front().signal_id;
  curve.positions = resolved.front().positions;
  curve.model_fingerprint = CurveFingerprint(*parts_.model);
  curve.pairs_sha256 = HashOf(spec.pairs);
  curve.system = spec.system;
  curve.end_of_turn = prepared.end_of_turn;
  curve.raw = spec.raw;
  curve.both_spellings = spec.both_spellings;
  curve.pairs = static_cast<int>(spec.pairs.size());
  if (!spec.second) return curve;
  curve.multipliers = std::get<std::vector<double>>(spec.grid);
  curve.second = SecondAxis{.signal_id = resolved.back().signal_id,
                            .positions = resolved.back().positions,
                            .multipliers = spec.second->multipliers};
  std::sort(curve.multipliers.begin(), curve.multipliers.end());
  std::sort(curve.second->multipliers.begin(), curve.second->multipliers.end());
  return curve;
}

absl::StatusOr<CurveRecord> Scoring::Sweep(const SweepSpec& spec,
                                           const std::function<bool()>& cancelled,
                                           const ScoreListener& listener) const {
  STEER_RETURN_IF_ERROR(CheckSize(spec));
  std::vector<ControlSpec> controls = {AtOne(spec.control)};
  if (spec.second) controls.push_back(AtOne(spec.second->control));
  STEER_ASSIGN_OR_RETURN(Prepared prepared, Prepare(spec, controls));
  STEER_RETURN_IF_ERROR(CheckGrid(prepared.controls, spec));
  CurveRecord curve = HeadOf(spec, prepared);
  EngineScorer scorer(std::move(prepared.places), parts_.unit_rows, std::move(prepared.controls));
  const auto measure = [&]() -> absl::StatusOr<std::vector<ScorePoint>> {
    if (curve.second) {
      return SweepJointly(scorer, prepared.pairs, curve.multipliers, curve.second->multipliers,
                          cancelled, listener);
    }
    if (const auto* grid = std::get_if<AdaptiveGrid>(&spec.grid))
      return SweepAdaptively(scorer, prepared.pairs, *grid, cancelled, listener);
    return SweepOver(scorer, prepared.pairs, std::get<std::vector<double>>(spec.grid), cancelled,
                     listener);
  };
  STEER_ASSIGN_OR_RETURN(const std::vector<ScorePoint> points, measure());
  KeepPoints(points, curve);
  return parts_.store->PutCurve(std::move(curve));
}

}  // namespace steer

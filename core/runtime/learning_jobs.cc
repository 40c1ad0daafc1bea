#include "core/runtime/learning_jobs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/analysis/curve_report.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/analysis/sweep.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/curve_points.h"
#include "core/runtime/extraction_run.h"
#include "core/signal/site.h"

namespace steer {
namespace {

std::string LearnerName(const LearnSpec& spec) {
  const auto* const train = std::get_if<TrainSpec>(&spec.learner);
  return std::string(train != nullptr ? Name(train->params.objective)
                                      : Name(std::get<ExtractionSpec>(spec.learner).params.method));
}

}  // namespace

absl::StatusOr<JobRecord> LearningJobs::Start(const LearnSpec& spec) {
  STEER_ASSIGN_OR_RETURN(
      Learner learner,
      std::visit([&](const auto& learner) { return LearnerOf(spec, learner); }, spec.learner));
  // The pairs are in the learner, as tokens.
  LearnSpec rest = spec;
  rest.pairs.clear();
  if (!spec.held_out.empty()) {
    PairSetSpec held_out;
    held_out.pairs = spec.held_out;
    held_out.system = spec.system;
    // Told now, and not when everything is learnt.
    STEER_RETURN_IF_ERROR(Within("held_out", parts_.scoring->Check(held_out, {})));
  }
  return queue_.Start(LearnerName(spec),
                      [this, rest = std::move(rest), learner = std::move(learner)](
                          JobContext& context) -> absl::StatusOr<JobOutcome> {
                        STEER_ASSIGN_OR_RETURN(TrainedSignal learnt, learner(context));
                        return Keep(rest, std::move(learnt), context);
                      });
}

absl::StatusOr<std::vector<ContrastPair>> LearningJobs::PairsOf(const LearnSpec& spec,
                                                                bool end_of_turn) const {
  STEER_ASSIGN_OR_RETURN(std::vector<TokenPair> pairs,
                         parts_.admission->Pairs(spec.pairs, {.system = spec.system,
                                                              .form = parts_.admission->form(),
                                                              .end_of_turn = end_of_turn}));
  std::vector<ContrastPair> contrast;
  contrast.reserve(pairs.size());
  for (TokenPair& pair : pairs)
    contrast.push_back({std::move(pair.positive.front()), std::move(pair.negative.front())});
  return contrast;
}

absl::StatusOr<LearningJobs::Learner> LearningJobs::LearnerOf(const LearnSpec& spec,
                                                              const ExtractionSpec& learner) {
  STEER_RETURN_IF_ERROR(Within("extraction", Validate(learner.params)));
  if (learner.layer >= parts_.model->shape.layers) {
    return InvalidField("extraction.layer", absl::StrCat(learner.layer),
                        absl::StrCat("0..", parts_.model->shape.layers - 1));
  }
  const int layer = learner.layer < 0 ? parts_.model->shape.layers / 2 : learner.layer;
  // As the methods' own code does it: the answer without the end-of-turn suffix.
  STEER_ASSIGN_OR_RETURN(std::vector<ContrastPair> texts, PairsOf(spec, /*end_of_turn=*/false));
  STEER_ASSIGN_OR_RETURN(
      std::vector<ReadPair> pairs,
      PlaceReading(spec.pairs, std::move(texts), learner.params.reading, *parts_.tokenizer));
  return [this, layer, params = learner.params,
          pairs = std::move(pairs)](JobContext& context) -> absl::StatusOr<TrainedSignal> {
    STEER_ASSIGN_OR_RETURN(const ReadActivations read, parts_.pools->ActivationReader());
    STEER_ASSIGN_OR_RETURN(std::vector<TrainedSignal> made,
                           ExtractSignals(read, pairs, {layer}, params, context));
    made.front().signal.default_positions.exclude_template_head =
        parts_.admission->has_chat_template();
    return std::move(made.front());
  };
}

absl::StatusOr<LearningJobs::Learner> LearningJobs::LearnerOf(const LearnSpec& spec,
                                                              const TrainSpec& learner) {
  CarrierSpec carrier = learner.carrier;
  if (carrier.places.empty()) {
    carrier.places = {{{parts_.model->shape.layers / 2, SiteKind::kBlockOut},
                       carrier.kind == SignalKind::kVector ? Read::kSiteInput : Read::kMlpMid}};
  }
  std::sort(carrier.places.begin(), carrier.places.end());
  TrainingParams params = learner.params;
  params.positions = learner.positions.value_or(
      PositionRule{.exclude_template_head = carrier.kind == SignalKind::kVector &&
                                            parts_.admission->has_chat_template()});
  STEER_ASSIGN_OR_RETURN(
      std::vector<ContrastPair> pairs,
      PairsOf(spec, learner.end_of_turn.value_or(parts_.admission->has_chat_template())));
  for (size_t i = 0; i < pairs.size(); ++i) {
    STEER_RETURN_IF_ERROR(CheckSelection(params.positions, pairs[i].positive.layout,
                                         "training.positions", absl::StrCat("pairs[", i, "]")));
  }
  if (learner.epochs) {
    STEER_RETURN_IF_ERROR(Within("training", Validate(params.schedule)));
    const TrainingSchedule schedule(static_cast<int>(pairs.size()), params.schedule);
    params.steps = schedule.StepsOf(*learner.epochs);
  }
  STEER_RETURN_IF_ERROR(Within("training", Validate(carrier, parts_.model->shape)));
  STEER_RETURN_IF_ERROR(Within("training", Validate(params)));
  STEER_RETURN_IF_ERROR(Within("training", CheckTrainable(carrier, params)));
  return [this, carrier = std::move(carrier), params = std::move(params),
          pairs = std::move(pairs)](JobContext& context) -> absl::StatusOr<TrainedSignal> {
    STEER_ASSIGN_OR_RETURN(const EngineScorer::Place place, parts_.pools->LeastLoaded());
    STEER_ASSIGN_OR_RETURN(TrainedSignal trained, Train(place, carrier, params, pairs, context));
    trained.signal.default_positions = params.positions;
    return trained;
  };
}

absl::StatusOr<JobOutcome> LearningJobs::Keep(const LearnSpec& spec, TrainedSignal learnt,
                                              const JobContext& context) const {
  learnt.signal.marks = parts_.model->marks;
  STEER_RETURN_IF_ERROR(Validate(learnt.signal, parts_.model->shape));
  STEER_ASSIGN_OR_RETURN(const SignalStore::PutResult put,
                         parts_.store->Put(learnt.signal, spec.labels, spec.description));
  JobOutcome outcome = {.signal_id = put.record.id, .results = std::move(learnt.results)};
  absl::Status status = Judge(spec, learnt.reach, context, outcome);
  if (status.ok() && !spec.alias.empty())
    status = parts_.store->SetAlias(spec.alias, put.record.id, std::nullopt).status();
  if (status.ok()) return outcome;
  if (!put.existed) parts_.store->Delete(put.record.id, /*with_aliases=*/false).IgnoreError();
  return status;
}

absl::Status LearningJobs::Judge(const LearnSpec& spec, double reach, const JobContext& context,
                                 JobOutcome& outcome) const {
  if (spec.held_out.empty()) return absl::OkStatus();
  SweepSpec sweep;
  sweep.pairs = spec.held_out;
  sweep.system = spec.system;
  sweep.control.signal = outcome.signal_id;
  sweep.grid = AdaptiveGrid{.low = -reach, .high = reach};
  STEER_ASSIGN_OR_RETURN(
      const CurveRecord curve,
      parts_.scoring->Sweep(sweep, [&context] { return context.cancelled(); },
                            {.on_point = [](const ScorePoint&) { return true; }}));
  outcome.curve_id = curve.id;
  STEER_ASSIGN_OR_RETURN(const FitReport fit,
                         ReportFit(PointsOf(curve), LossMode::kMean, /*bootstrap=*/std::nullopt,
                                   /*band_points=*/2));
  outcome.results.emplace("held_out_pairs", curve.pairs);
  if (fit.preference.fit.r_squared)
    outcome.results.emplace("preference_r_squared", *fit.preference.fit.r_squared);
  if (fit.utility.fit.r_squared)
    outcome.results.emplace("utility_r_squared", *fit.utility.fit.r_squared);
  return absl::OkStatus();
}

}  // namespace steer

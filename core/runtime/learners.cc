#include "core/runtime/learners.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/activation_reader.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/extraction_run.h"
#include "core/runtime/training_run.h"
#include "core/signal/site.h"

namespace steer {
namespace {

// The layers that a spec asks for: those of its search, or the learner's own, or the middle one.
std::vector<int> LayersOf(const LearnSpec& spec, int layer, int layers) {
  if (spec.search) return spec.search->layers;
  return {layer < 0 ? layers / 2 : layer};
}

absl::Status CheckSteps(TrainingParams& params, const std::optional<double>& epochs, size_t pairs) {
  if (epochs) {
    STEER_RETURN_IF_ERROR(Validate(params.schedule));
    const TrainingSchedule schedule(static_cast<int>(pairs), params.schedule);
    params.steps = schedule.StepsOf(*epochs);
  }
  return Validate(params);
}

// An autoencoder is of one layer.
absl::Status CheckAutoencoderLayer(const LearnSpec& spec, const ExtractionParams& params,
                                   std::vector<int>& layers) {
  const auto* const selection = std::get_if<FeatureSelectionParams>(&params.method);
  if (selection == nullptr) return absl::OkStatus();
  const int layer = selection->autoencoder->updates.front().site.layer;
  const bool asked = spec.search || std::get<ExtractionSpec>(spec.learner).layer >= 0;
  if (!asked) layers = {layer};
  if (layers == std::vector<int>{layer}) return absl::OkStatus();
  return InvalidField(spec.search ? "search.layers" : "extraction.layer",
                      absl::StrJoin(layers, ", "),
                      absl::StrCat(layer, ", where the autoencoder is"));
}

// Weights at block_out must read something; the published ones read the MLP's middle.
bool ReadsMlp(SignalKind kind) {
  return kind == SignalKind::kLora || kind == SignalKind::kLocalWeight;
}

// A preference vector is what two runs of DPO learn in the one direction (arXiv 2504.20106).
absl::Status PrepareSubtraction(TrainingRun& run) {
  if (!std::holds_alternative<DpoParams>(run.params.objective)) {
    return InvalidField("training.subtract_swapped",
                        absl::StrCat("true with ", Name(run.params.objective)), "true with dpo");
  }
  if (!IsAffine(run.carrier.kind)) {
    return InvalidField("training.subtract_swapped",
                        absl::StrCat("true with a ", Name(run.carrier.kind)),
                        "true with a vector, lora or local_weight, which can be subtracted");
  }
  run.params.schedule.use = PairUse::kAdd;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Learner>> Learners::Of(const LearnSpec& spec) const {
  STEER_RETURN_IF_ERROR(pools_.LearningPlace().status());
  if (spec.search) {
    for (const int layer : spec.search->layers) {
      if (layer >= 0 && layer < model_.shape.layers) continue;
      return InvalidField("search.layers", absl::StrCat(layer),
                          absl::StrCat("0..", model_.shape.layers - 1));
    }
  }
  return std::visit([&](const auto& learner) { return Of(spec, learner); }, spec.learner);
}

absl::StatusOr<Learners::Pairs> Learners::PairsOf(const LearnSpec& spec,
                                                  const std::vector<PolarPair>& pairs,
                                                  bool end_of_turn) const {
  const Admission::PairFormat format = {
      .system = spec.system, .form = admission_.form(), .end_of_turn = end_of_turn};
  STEER_ASSIGN_OR_RETURN(std::vector<TokenPair> tokens, admission_.Pairs(pairs, format));
  // The same answers behind the negative ones' questions.
  std::vector<TokenPair> others;
  if (std::ranges::any_of(
          pairs, [](const PolarPair& pair) { return pair.negative_question.has_value(); })) {
    STEER_ASSIGN_OR_RETURN(others, admission_.Pairs(WithOneQuestion(pairs), format));
  }
  std::vector<ContrastPair> contrast;
  contrast.reserve(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    ContrastPair& pair = contrast.emplace_back();
    pair.positive = std::move(tokens[i].positive.front());
    pair.negative = std::move(tokens[i].negative.front());
    if (!pairs[i].negative_question) continue;
    pair.positive_elsewhere = std::move(others[i].positive.front());
    pair.negative_elsewhere = std::exchange(pair.negative, std::move(others[i].negative.front()));
  }
  return std::make_shared<const std::vector<ContrastPair>>(std::move(contrast));
}

absl::StatusOr<std::vector<Learner>> Learners::Of(const LearnSpec& spec,
                                                  const ExtractionSpec& learner) const {
  STEER_RETURN_IF_ERROR(Within("extraction", Validate(learner.params)));
  const std::vector<TokenId> end_tokens = tokenizer_.end_tokens();
  if (learner.params.attribution && end_tokens.empty()) {
    return InvalidField("extraction.attribution", "one without an end token to replace others with",
                        "none for this model");
  }
  if (learner.layer >= model_.shape.layers) {
    return InvalidField("extraction.layer", absl::StrCat(learner.layer),
                        absl::StrCat("0..", model_.shape.layers - 1));
  }
  // As the methods' own code does it: the answer without the end-of-turn suffix.
  STEER_ASSIGN_OR_RETURN(const Pairs texts, PairsOf(spec, spec.pairs, /*end_of_turn=*/false));
  STEER_ASSIGN_OR_RETURN(std::vector<ReadPair> placed,
                         PlaceReading(spec.pairs, *texts, learner.params.reading, tokenizer_));
  const auto pairs = std::make_shared<const std::vector<ReadPair>>(std::move(placed));
  if (std::holds_alternative<KvDifferenceParams>(learner.params.method)) {
    STEER_ASSIGN_OR_RETURN(Learner kv, KvLearner(spec, learner, pairs));
    return std::vector<Learner>{std::move(kv)};
  }
  std::vector<int> layers = LayersOf(spec, learner.layer, model_.shape.layers);
  STEER_RETURN_IF_ERROR(CheckAutoencoderLayer(spec, learner.params, layers));
  const std::vector<int> asked = layers;
  std::sort(layers.begin(), layers.end());
  // One reading of the texts serves all layers: whichever learner runs first makes them all.
  const auto made = std::make_shared<std::vector<LearntSignal>>();
  std::vector<Learner> learners;
  for (const int layer : asked) {
    const auto which = std::lower_bound(layers.begin(), layers.end(), layer) - layers.begin();
    AttributedExtraction extraction = {.pairs = nullptr,
                                       .layers = layers,
                                       .params = learner.params,
                                       .replacement = end_tokens.empty() ? 0 : end_tokens.front()};
    learners.push_back([this, which, extraction, pairs, made](
                           JobContext& context, JobCheckpoint&) -> absl::StatusOr<LearntSignal> {
      if (made->empty()) {
        STEER_ASSIGN_OR_RETURN(*made, MakeVectors(extraction, *pairs, context));
      }
      LearntSignal vector = (*made)[static_cast<size_t>(which)];
      vector.signal.default_positions.exclude_template_head = admission_.has_chat_template();
      return vector;
    });
  }
  return learners;
}

absl::StatusOr<Learner> Learners::KvLearner(
    const LearnSpec& spec, const ExtractionSpec& learner,
    std::shared_ptr<const std::vector<ReadPair>> pairs) const {
  const int first = std::get<KvDifferenceParams>(learner.params.method).first_layer;
  if (first < 0 || first >= model_.shape.layers) {
    return InvalidField("extraction.kv_difference.first_layer", absl::StrCat(first),
                        absl::StrCat("0..", model_.shape.layers - 1));
  }
  if (learner.layer >= 0) {
    return InvalidField("extraction.layer", absl::StrCat(learner.layer),
                        "none beside kv_difference, which takes all from its first_layer on");
  }
  if (spec.search) {
    return InvalidField("search", "one beside kv_difference", "none: its layers are one signal's");
  }
  return [this, params = learner.params, pairs = std::move(pairs)](
             JobContext& context, JobCheckpoint&) -> absl::StatusOr<LearntSignal> {
    STEER_ASSIGN_OR_RETURN(const EngineScorer::Place place, pools_.LearningPlace());
    const ReadActivations read =
        MakeActivationReader(&place.pool->engine(), place.decoder, SiteKind::kKv);
    return ExtractKv(read, *pairs, params, model_.shape, context);
  };
}

absl::StatusOr<std::vector<LearntSignal>> Learners::MakeVectors(AttributedExtraction extraction,
                                                                const std::vector<ReadPair>& pairs,
                                                                JobContext& context) const {
  STEER_ASSIGN_OR_RETURN(const EngineScorer::Place place, pools_.LearningPlace());
  const ReadActivations read = MakeActivationReader(&place.pool->engine(), place.decoder);
  if (!extraction.params.attribution)
    return ExtractSignals(read, pairs, extraction.layers, extraction.params, context);
  extraction.pairs = &pairs;
  return ExtractAttributed(place, read, extraction, context);
}

absl::StatusOr<std::vector<Learner>> Learners::Of(const LearnSpec& spec,
                                                  const TrainSpec& learner) const {
  TrainingRun run = {.carrier = learner.carrier,
                     .params = learner.params,
                     .early_stop = learner.early_stop,
                     .reference_norm = learner.reference_norm,
                     .subtract_swapped = learner.subtract_swapped,
                     .pairs = {},
                     .held_out = {}};
  TrainingParams& params = run.params;
  const SignalKind kind = run.carrier.kind;
  params.positions = learner.positions.value_or(PositionRule{
      .exclude_template_head = kind == SignalKind::kVector && admission_.has_chat_template()});
  const bool end_of_turn = learner.end_of_turn.value_or(admission_.has_chat_template());
  STEER_ASSIGN_OR_RETURN(const Pairs pairs, PairsOf(spec, spec.pairs, end_of_turn));
  for (size_t i = 0; i < pairs->size(); ++i) {
    STEER_RETURN_IF_ERROR(CheckSelection(params.positions, (*pairs)[i].positive.layout,
                                         "training.positions", absl::StrCat("pairs[", i, "]")));
  }
  if (Interchanges(params.objective)) STEER_RETURN_IF_ERROR(CheckElsewhere(*pairs));
  Pairs held_out = std::make_shared<const std::vector<ContrastPair>>();
  if (!spec.held_out.empty()) {
    absl::StatusOr<Pairs> others = PairsOf(spec, spec.held_out, end_of_turn);
    if (!others.ok()) return Within("held_out", others.status());
    held_out = *std::move(others);
    if (Interchanges(params.objective))
      STEER_RETURN_IF_ERROR(Within("held_out", CheckElsewhere(*held_out)));
  } else if (run.early_stop.patience > 0) {
    return InvalidField("training.patience", absl::StrCat(run.early_stop.patience),
                        "0, or held-out pairs by which a run can end early");
  }
  if (run.subtract_swapped) STEER_RETURN_IF_ERROR(PrepareSubtraction(run));
  if (run.reference_norm && kind != SignalKind::kVector) {
    return InvalidField("training.reference_norm", absl::StrCat("one of a ", Name(kind)),
                        "none: only what a vector adds grows with the stream alone");
  }
  if (spec.search && !run.carrier.places.empty()) {
    return InvalidField("training.places", absl::StrCat(run.carrier.places.size()),
                        "none beside a search, which learns at block_out of its layers");
  }
  STEER_RETURN_IF_ERROR(Within("training", CheckSteps(params, learner.epochs, pairs->size())));
  STEER_RETURN_IF_ERROR(Within("training", Validate(run.early_stop)));
  std::vector<Learner> learners;
  for (const int layer : LayersOf(spec, -1, model_.shape.layers)) {
    TrainingRun one = run;
    if (one.carrier.places.empty() && one.carrier.autoencoder != nullptr && !spec.search) {
      one.carrier.places = {{one.carrier.autoencoder->updates.front().site, Read::kSiteInput}};
    } else if (one.carrier.places.empty()) {
      one.carrier.places = {
          {{layer, SiteKind::kBlockOut}, ReadsMlp(kind) ? Read::kMlpMid : Read::kSiteInput}};
    }
    std::sort(one.carrier.places.begin(), one.carrier.places.end());
    CarrierSpec served = one.carrier;
    if (run.subtract_swapped) served.rank *= 2;
    STEER_RETURN_IF_ERROR(Within("training", Validate(served, model_.shape)));
    STEER_RETURN_IF_ERROR(Within("training", CheckTrainable(served, params)));
    learners.push_back(
        [this, one = std::move(one), pairs, held_out](
            JobContext& context, JobCheckpoint& checkpoint) -> absl::StatusOr<LearntSignal> {
          STEER_ASSIGN_OR_RETURN(const EngineScorer::Place place, pools_.LearningPlace());
          TrainingRun run = one;
          run.pairs = *pairs;
          run.held_out = *held_out;
          STEER_ASSIGN_OR_RETURN(LearntSignal trained,
                                 Train(place, std::move(run), checkpoint, context));
          trained.signal.default_positions = one.params.positions;
          return trained;
        });
  }
  return learners;
}

}  // namespace steer

// What a request says of a signal that is trained.

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/convert.h"
#include "server/convert_parts.h"

namespace steer {
namespace {

constexpr int kMostFactors = 64;
constexpr int kMostOfAMinibatch = 256;
constexpr double kMostEpochs = 1000;

SplitParams ToParams(const v1::Split& message) {
  SplitParams params;
  if (message.has_lambda_p()) params.lambda_p = message.lambda_p();
  if (message.has_lambda_n()) params.lambda_n = message.lambda_n();
  if (message.has_gamma()) params.gamma = message.gamma();
  if (message.has_theta()) params.theta = message.theta();
  params.per_pair = message.per_pair();
  if (message.has_reference_weight()) params.reference_weight = message.reference_weight();
  return params;
}

absl::StatusOr<Objective> ToObjective(const v1::Training& training) {
  switch (training.objective_case()) {
    case v1::Training::kSft:
      return SftParams{};
    case v1::Training::kSplit:
      return ToParams(training.split());
    case v1::Training::kReps: {
      RepsParams params;
      if (training.reps().has_beta()) params.beta = training.reps().beta();
      if (training.reps().has_kappa()) params.kappa = training.reps().kappa();
      return params;
    }
    case v1::Training::kDpo: {
      DpoParams params;
      if (training.dpo().has_beta()) params.beta = training.dpo().beta();
      params.hardness_aware = training.dpo().hardness_aware();
      return params;
    }
    case v1::Training::kSimpo: {
      SimpoParams params;
      if (training.simpo().has_beta()) params.beta = training.simpo().beta();
      if (training.simpo().has_margin()) params.margin = training.simpo().margin();
      if (training.simpo().has_l1()) params.l1 = training.simpo().l1();
      return params;
    }
    case v1::Training::kCdas: {
      CdasParams params;
      if (training.cdas().has_target_factor())
        params.target_factor = training.cdas().target_factor();
      return params;
    }
    case v1::Training::OBJECTIVE_NOT_SET:
      break;
  }
  return InvalidField("training.objective", "nothing", "sft, split, reps, dpo, simpo or cdas");
}

absl::StatusOr<CarrierSpec> ToCarrier(const v1::Training& training) {
  CarrierSpec carrier;
  STEER_ASSIGN_OR_RETURN(carrier.kind, ParseSignalKind(training.kind(), "training.kind"));
  for (int i = 0; i < training.places_size(); ++i) {
    const std::string field = absl::StrCat("training.places[", i, "]");
    const v1::Place& place = training.places(i);
    STEER_ASSIGN_OR_RETURN(const Site site, ParseSite(place.site(), field + ".site"));
    Read read = Read::kSiteInput;
    if (!place.read().empty()) {
      STEER_ASSIGN_OR_RETURN(read, ParseRead(place.read(), field + ".read"));
    }
    carrier.places.emplace_back(site, read);
  }
  if (carrier.kind == SignalKind::kClamp) carrier.rank = 1;
  if (training.has_rank()) carrier.rank = training.rank();
  carrier.distribution = training.distribution();
  if (!training.nonlinearity().empty()) {
    STEER_ASSIGN_OR_RETURN(carrier.nonlinearity,
                           ParseNonlinearity(training.nonlinearity(), "training.nonlinearity"));
    if (carrier.kind != SignalKind::kBottleneck)
      return InvalidField("training.nonlinearity", absl::StrCat("one of a ", training.kind()),
                          "one of a bottleneck");
  }
  return carrier;
}

absl::Status ReadSchedule(const v1::Training& training, ScheduleParams& schedule) {
  switch (training.use()) {
    case v1::Training::ADD:
      schedule.use = PairUse::kAdd;
      break;
    case v1::Training::SUBTRACT:
      schedule.use = PairUse::kSubtract;
      break;
    default:
      break;
  }
  if (training.factors_size() > 0) {
    STEER_RETURN_IF_ERROR(CheckCount("training.factors", training.factors_size(), 1, kMostFactors));
    schedule.factors.assign(training.factors().begin(), training.factors().end());
  }
  if (training.has_batch()) schedule.batch = training.batch();
  if (training.has_accumulation()) schedule.accumulation = training.accumulation();
  STEER_RETURN_IF_ERROR(CheckRange("training.batch", schedule.batch, 1, kMostOfAMinibatch, ""));
  STEER_RETURN_IF_ERROR(
      CheckRange("training.accumulation", schedule.accumulation, 1, kMostOfAMinibatch, ""));
  if (training.has_seed()) schedule.seed = training.seed();
  return absl::OkStatus();
}

absl::Status ReadLength(const v1::Training& training, TrainSpec& spec) {
  if (training.length_case() == v1::Training::kSteps) {
    spec.params.steps = training.steps();
    spec.epochs.reset();
    return absl::OkStatus();
  }
  if (training.length_case() != v1::Training::kEpochs) return absl::OkStatus();
  spec.epochs = training.epochs();
  if (*spec.epochs > 0 && *spec.epochs <= kMostEpochs) return absl::OkStatus();
  return InvalidField("training.epochs", absl::StrCat(*spec.epochs),
                      absl::StrCat("above 0 and at most ", kMostEpochs));
}

}  // namespace

absl::StatusOr<TrainSpec> ToTrainSpec(const v1::Training& training) {
  TrainSpec spec;
  STEER_ASSIGN_OR_RETURN(spec.carrier, ToCarrier(training));
  STEER_ASSIGN_OR_RETURN(const Objective objective, ToObjective(training));
  TrainingParams& params = spec.params;
  params = PublishedParams(objective, spec.carrier.kind);
  spec.epochs = kPublishedEpochs;
  STEER_RETURN_IF_ERROR(ReadSchedule(training, params.schedule));
  STEER_RETURN_IF_ERROR(ReadLength(training, spec));
  if (training.has_positions()) spec.positions = ToPositionRule(training.positions());
  if (training.has_learning_rate()) params.learning_rate = training.learning_rate();
  if (training.has_warm_up_steps()) params.warm_up_steps = training.warm_up_steps();
  if (training.decay() == v1::Training::COSINE) params.decay = Decay::kCosine;
  if (training.decay() == v1::Training::NONE) params.decay = Decay::kNone;
  if (training.has_weight_decay()) params.weight_decay = training.weight_decay();
  if (training.has_clip()) params.clip = training.clip();
  if (training.has_dropout()) params.dropout = training.dropout();
  if (training.has_noise()) params.noise = training.noise();
  params.orthogonal = training.orthogonal();
  spec.subtract_swapped = training.subtract_swapped();
  spec.autoencoder = training.autoencoder();
  if (training.has_end_of_turn()) spec.end_of_turn = training.end_of_turn();
  if (training.has_reference_norm()) {
    spec.reference_norm = training.reference_norm();
    if (!std::isfinite(*spec.reference_norm) || *spec.reference_norm <= 0)
      return InvalidField("training.reference_norm", absl::StrCat(*spec.reference_norm), "above 0");
  }
  spec.early_stop = {.every = training.held_out_every(), .patience = training.patience()};
  return spec;
}

}  // namespace steer

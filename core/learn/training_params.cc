#include "core/learn/training_params.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/overloaded.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

absl::Status CheckRange(absl::string_view name, double value, double low, double high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return InvalidField(name, absl::StrCat(value), absl::StrCat(low, "..", high));
}

// A weight of a part of an objective, which may be left out.
absl::Status CheckWeight(absl::string_view name, double value) {
  return CheckRange(name, value, 0, 1e6);
}
absl::Status CheckScale(absl::string_view name, double value) {
  return CheckRange(name, value, 1e-6, 1e6);
}

bool HasRank(SignalKind kind) {
  return kind == SignalKind::kLora || kind == SignalKind::kBottleneck ||
         kind == SignalKind::kLowRankAffine || kind == SignalKind::kClamp;
}

absl::Status CheckAutoencoder(const CarrierSpec& spec, const ModelShape& shape) {
  const bool given = spec.autoencoder != nullptr;
  if (given != (spec.kind == SignalKind::kFeatureShift)) {
    return InvalidField("autoencoder", given ? absl::StrCat("one for a ", Name(spec.kind)) : "none",
                        given ? "none" : "one for a feature_shift");
  }
  if (!given) return absl::OkStatus();
  if (spec.autoencoder->kind != SignalKind::kFeatureShift ||
      spec.autoencoder->updates.size() != 1) {
    return InvalidField("autoencoder",
                        absl::StrCat("a ", Name(spec.autoencoder->kind), " at ",
                                     spec.autoencoder->updates.size(), " sites"),
                        "a feature_shift at one site");
  }
  const Site site = spec.autoencoder->updates.front().site;
  if (spec.places.size() != 1 || spec.places.front().first != site) {
    return InvalidField("sites", "others than the autoencoder's", ToString(site));
  }
  return Validate(*spec.autoencoder, shape);
}

}  // namespace

absl::string_view Name(const Objective& objective) {
  constexpr absl::string_view kNames[] = {"sft", "split", "reps", "dpo", "simpo", "cdas"};
  static_assert(std::size(kNames) == std::variant_size_v<Objective>);
  return kNames[objective.index()];
}

absl::Status Validate(const Objective& objective) {
  return std::visit(
      Overloaded{[](const SftParams&) { return absl::OkStatus(); },
                 [](const SplitParams& params) {
                   STEER_RETURN_IF_ERROR(CheckWeight("split.lambda_p", params.lambda_p));
                   STEER_RETURN_IF_ERROR(CheckWeight("split.lambda_n", params.lambda_n));
                   STEER_RETURN_IF_ERROR(CheckWeight("split.gamma", params.gamma));
                   STEER_RETURN_IF_ERROR(CheckWeight("split.theta", params.theta));
                   return CheckWeight("split.reference_weight", params.reference_weight);
                 },
                 [](const RepsParams& params) {
                   STEER_RETURN_IF_ERROR(CheckScale("reps.beta", params.beta));
                   return CheckWeight("reps.kappa", params.kappa);
                 },
                 [](const DpoParams& params) { return CheckScale("dpo.beta", params.beta); },
                 [](const SimpoParams& params) {
                   STEER_RETURN_IF_ERROR(CheckScale("simpo.beta", params.beta));
                   STEER_RETURN_IF_ERROR(CheckWeight("simpo.margin", params.margin));
                   return CheckWeight("simpo.l1", params.l1);
                 },
                 [](const CdasParams& params) {
                   return CheckRange("cdas.target_factor", params.target_factor, -1e6, 1e6);
                 }},
      objective);
}

bool NeedsLosing(const Objective& objective) {
  return !std::holds_alternative<SftParams>(objective) && !Interchanges(objective);
}

bool NeedsReference(const Objective& objective) {
  if (const auto* split = std::get_if<SplitParams>(&objective)) return split->reference_weight > 0;
  return std::holds_alternative<RepsParams>(objective) ||
         std::holds_alternative<DpoParams>(objective);
}

bool NeedsDistance(const Objective& objective) {
  const auto* const dpo = std::get_if<DpoParams>(&objective);
  return dpo != nullptr && dpo->hardness_aware;
}

bool Interchanges(const Objective& objective) {
  return std::holds_alternative<CdasParams>(objective);
}

bool NeedsShift(const Objective& objective) {
  const auto* const simpo = std::get_if<SimpoParams>(&objective);
  return simpo != nullptr && simpo->l1 > 0;
}

bool IsMeanOverPairs(const Objective& objective) {
  if (std::holds_alternative<SftParams>(objective) || NeedsDistance(objective)) return false;
  const auto* split = std::get_if<SplitParams>(&objective);
  return split == nullptr || split->per_pair;
}

std::optional<size_t> DownProjOf(const CarrierSpec& spec, size_t which) {
  const auto& [site, read] = spec.places[which];
  if (spec.kind != SignalKind::kLora || read != Read::kBlockOut) return std::nullopt;
  const Site down = {site.layer, SiteKind::kDownProj};
  for (size_t i = 0; i < spec.places.size(); ++i)
    if (spec.places[i].first == down) return i;
  return std::nullopt;
}

absl::Status Validate(const CarrierSpec& spec, const ModelShape& shape) {
  if (spec.kind == SignalKind::kNullOut || spec.kind == SignalKind::kKv) {
    return InvalidField("kind", Name(spec.kind),
                        "vector, lora, local_weight, bottleneck, low_rank_affine, feature_shift or "
                        "clamp");
  }
  STEER_RETURN_IF_ERROR(CheckAutoencoder(spec, shape));
  if (spec.distribution && spec.kind != SignalKind::kLowRankAffine) {
    return InvalidField("distribution", absl::StrCat("true for a ", Name(spec.kind)),
                        "true for a low_rank_affine");
  }
  if (spec.places.empty()) return InvalidField("sites", "none", "at least one");
  if (spec.kind == SignalKind::kClamp && spec.places.size() > 1)
    return InvalidField("sites", absl::StrCat(spec.places.size()), "one for a clamp");
  for (size_t i = 0; i < spec.places.size(); ++i) {
    const auto& [site, read] = spec.places[i];
    STEER_RETURN_IF_ERROR(CheckPlace(spec.kind, site, read, shape));
    if (i > 0 && site == spec.places[i - 1].first)
      return InvalidField("sites", absl::StrCat(ToString(site), " twice"), "each site once");
    if (!HasRank(spec.kind)) continue;
    int64_t most = shape.Dims(site.kind).out;
    if (spec.kind == SignalKind::kLora) most = std::min(most, shape.ReadWidth(site.kind, read));
    if (spec.rank >= 1 && spec.rank <= most) continue;
    return InvalidField("rank", absl::StrCat(spec.rank),
                        absl::StrCat("1..", most, " at ", ToString(site)));
  }
  return absl::OkStatus();
}

absl::Status Validate(const TrainingParams& params) {
  STEER_RETURN_IF_ERROR(Validate(params.objective));
  STEER_RETURN_IF_ERROR(Validate(params.positions, "positions"));
  STEER_RETURN_IF_ERROR(Validate(params.schedule));
  STEER_RETURN_IF_ERROR(CheckRange("steps", params.steps, 1, kMostSteps));
  STEER_RETURN_IF_ERROR(CheckRange("learning_rate", params.learning_rate, 1e-12, 1000));
  STEER_RETURN_IF_ERROR(CheckRange("weight_decay", params.weight_decay, 0, 1000));
  STEER_RETURN_IF_ERROR(CheckRange("clip", params.clip, 0, 1e12));
  STEER_RETURN_IF_ERROR(CheckRange("warm_up_steps", params.warm_up_steps, 0, params.steps - 1));
  if (!(params.dropout >= 0 && params.dropout < 1))
    return InvalidField("dropout", absl::StrCat(params.dropout), "at least 0 and below 1");
  return CheckRange("noise", params.noise, 0, 1e6);
}

TrainingParams PublishedParams(const Objective& objective, SignalKind kind) {
  TrainingParams params = {.objective = objective};
  const bool vector = kind == SignalKind::kVector;
  params.learning_rate = vector ? 0.08 : 0.01;
  if (kind == SignalKind::kBottleneck) params.learning_rate = 9e-4;
  if (kind == SignalKind::kLowRankAffine) params.learning_rate = 3e-3;
  if (kind == SignalKind::kFeatureShift) params.learning_rate = 5e-5;
  if (kind == SignalKind::kClamp) params.learning_rate = 0.04;
  if (!IsAffine(kind)) return params;
  if (std::holds_alternative<DpoParams>(objective) ||
      std::holds_alternative<SimpoParams>(objective))
    return params;
  params.schedule.factors.clear();
  for (int i = 1; i <= 10; ++i) params.schedule.factors.push_back(vector ? 2.0 * i : 0.2 * i);
  return params;
}

bool NullsOut(const TrainingParams& params, SignalKind kind) {
  return std::holds_alternative<RepsParams>(params.objective) && kind == SignalKind::kVector &&
         params.schedule.use != PairUse::kAdd;
}

absl::Status CheckTrainable(const CarrierSpec& carrier, const TrainingParams& params) {
  const bool own_components = IsAffine(carrier.kind) || carrier.kind == SignalKind::kBottleneck;
  if (params.dropout > 0 && !own_components) {
    return InvalidField(
        "dropout", absl::StrCat(params.dropout),
        absl::StrCat("0 for a ", Name(carrier.kind), ", whose components are not its own"));
  }
  if (Interchanges(params.objective) != (carrier.kind == SignalKind::kClamp)) {
    return InvalidField("objective",
                        absl::StrCat(Name(params.objective), " of a ", Name(carrier.kind)),
                        "cdas of a clamp, the others of other kinds");
  }
  if (Interchanges(params.objective) && params.schedule.factors != std::vector<double>{1}) {
    return InvalidField("factors", absl::StrCat(params.schedule.factors.front(), " .."),
                        "1 alone for cdas, which puts rows where the source is");
  }
  bool separable = false;
  for (size_t i = 0; i < carrier.places.size(); ++i)
    separable = separable || DownProjOf(carrier, i).has_value();
  if (params.orthogonal && !separable) {
    return InvalidField("orthogonal", absl::StrCat("true for this ", Name(carrier.kind)),
                        "true for a lora at a block's down_proj and at its block_out, reading "
                        "block_out");
  }
  if (NeedsShift(params.objective) && carrier.kind != SignalKind::kFeatureShift) {
    return InvalidField("simpo.l1", absl::StrCat(std::get<SimpoParams>(params.objective).l1),
                        "0 for anything but a feature_shift, which has a v");
  }
  return absl::OkStatus();
}

}  // namespace steer

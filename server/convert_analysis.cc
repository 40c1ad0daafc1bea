#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/convert_parts.h"

namespace steer {
namespace {

constexpr int kMinResamples = 20;
constexpr int kMaxResamples = 10000;
constexpr int kDefaultBandPoints = 101;
constexpr int kMaxBandPoints = 1000;
constexpr double kDefaultNllIncrease = 0.5;

}  // namespace

absl::Status CheckRange(const std::string& field, int64_t value, int64_t least, int64_t most,
                        const std::string& or_else) {
  if (value >= least && value <= most) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(value), absl::StrCat(least, " to ", most, or_else));
}

absl::StatusOr<std::vector<double>> ToMultipliers(
    const std::string& field, const google::protobuf::RepeatedField<double>& values, int least) {
  STEER_RETURN_IF_ERROR(CheckCount(field, values.size(), least, kMaxMultipliers));
  for (int i = 0; i < values.size(); ++i)
    STEER_RETURN_IF_ERROR(CheckFinite(absl::StrCat(field, "[", i, "]"), values[i]));
  return std::vector<double>(values.begin(), values.end());
}

absl::StatusOr<ControlSpec> ToVariedControl(const v1::Control& control, const std::string& path) {
  STEER_ASSIGN_OR_RETURN(ControlSpec spec, ToControlSpec(control, path));
  if (spec.multiplier || spec.bias_multiplier) {
    return InvalidField(path + ".multiplier", "a multiplier", "none: the call varies it");
  }
  if (!spec.changes.empty()) {
    return InvalidField(path + ".changes", "changes along the sequence",
                        "none where the multiplier is varied");
  }
  return spec;
}

absl::StatusOr<std::vector<PolarPair>> ToPolarPairs(
    const google::protobuf::RepeatedPtrField<v1::PolarPair>& pairs, bool to_learn) {
  STEER_RETURN_IF_ERROR(CheckCount("pairs", pairs.size(), 1, kMaxPairs));
  std::vector<PolarPair> out;
  out.reserve(pairs.size());
  for (int i = 0; i < pairs.size(); ++i) {
    const std::string field = absl::StrCat("pairs[", i, "]");
    STEER_RETURN_IF_ERROR(CheckUtf8(absl::StrCat(field, ".question"), pairs[i].question()));
    for (const auto& [name, answer] : {std::pair{".positive", &pairs[i].positive()},
                                       std::pair{".negative", &pairs[i].negative()}}) {
      STEER_RETURN_IF_ERROR(CheckUtf8(absl::StrCat(field, name), *answer));
      if (answer->empty()) {
        return InvalidField(absl::StrCat(field, name), "nothing", "an answer that is not empty");
      }
    }
    PolarPair& pair = out.emplace_back();
    pair = {pairs[i].question(), pairs[i].positive(), pairs[i].negative()};
    if (!pairs[i].has_negative_question()) continue;
    const std::string own = absl::StrCat(field, ".negative_question");
    if (!to_learn)
      return InvalidField(own, "one", "none: both answers are scored behind one question");
    STEER_RETURN_IF_ERROR(CheckUtf8(own, pairs[i].negative_question()));
    pair.negative_question = pairs[i].negative_question();
  }
  return out;
}

absl::StatusOr<std::vector<ScoreSpec>> ToScoreSpecs(const v1::ScoreRequest& request) {
  ScoreSpec spec;
  STEER_RETURN_IF_ERROR(ReadPairSet(request, spec));
  STEER_ASSIGN_OR_RETURN(spec.multipliers, ToMultipliers("multipliers", request.multipliers(), 0));
  if (spec.multipliers.empty()) spec.multipliers = {1.0};
  STEER_RETURN_IF_ERROR(
      CheckCount("control_sets", request.control_sets_size(), 0, kMaxControlSets));
  if (request.controls_size() > 0 && request.control_sets_size() > 0) {
    return InvalidField("control_sets", "both controls and control_sets", "one of the two");
  }
  std::vector<ScoreSpec> specs;
  if (request.control_sets_size() == 0) {
    STEER_ASSIGN_OR_RETURN(spec.controls,
                           ToControlSpecs(request.controls(), /*with_changes=*/false));
    specs.push_back(std::move(spec));
    return specs;
  }
  for (int i = 0; i < request.control_sets_size(); ++i) {
    absl::StatusOr<std::vector<ControlSpec>> controls =
        ToControlSpecs(request.control_sets(i).controls(), /*with_changes=*/false);
    if (!controls.ok()) return Within(absl::StrCat("control_sets[", i, "]"), controls.status());
    spec.controls = *std::move(controls);
    specs.push_back(spec);
  }
  return specs;
}

absl::StatusOr<FitSpec> ToFitSpec(const v1::FitCurveRequest& request) {
  FitSpec spec;
  STEER_RETURN_IF_ERROR(CheckId("curve_id", request.curve_id()));
  if (request.mode() == v1::SUM) spec.mode = LossMode::kSum;
  if (!v1::LossMode_IsValid(request.mode())) {
    return InvalidField("mode", absl::StrCat(static_cast<int>(request.mode())), "MEAN or SUM");
  }
  if (request.resamples() != -1) {
    spec.bootstrap.emplace();
    if (request.resamples() != 0) spec.bootstrap->resamples = request.resamples();
    STEER_RETURN_IF_ERROR(
        CheckRange("resamples", spec.bootstrap->resamples, kMinResamples, kMaxResamples,
                   absl::StrCat(", 0 for ", BootstrapParams().resamples, ", or -1 for no bands")));
    if (request.seed() != 0) spec.bootstrap->seed = request.seed();
  }
  spec.band_points = request.band_points() == 0 ? kDefaultBandPoints : request.band_points();
  STEER_RETURN_IF_ERROR(CheckRange("band_points", spec.band_points, 2, kMaxBandPoints,
                                   absl::StrCat(", or 0 for ", kDefaultBandPoints)));
  return spec;
}

absl::StatusOr<RecommendSpec> ToRecommendSpec(const v1::RecommendMultiplierRequest& request) {
  RecommendSpec spec;
  STEER_RETURN_IF_ERROR(CheckId("curve_id", request.curve_id()));
  if (request.has_check()) {
    const v1::TextCheckSpec& check = request.check();
    spec.check.emplace();
    STEER_RETURN_IF_ERROR(ReadQuestions(check, "check.", *spec.check));
    spec.check->sampling.max_tokens =
        check.has_max_tokens() ? check.max_tokens() : kDefaultTextTokens;
    spec.max_nll_increase =
        check.has_max_nll_increase() ? check.max_nll_increase() : kDefaultNllIncrease;
    STEER_RETURN_IF_ERROR(CheckFinite("check.max_nll_increase", spec.max_nll_increase));
  }
  spec.direction =
      request.less_preference() ? Direction::kLessPreference : Direction::kMorePreference;
  switch (request.goal_case()) {
    case v1::RecommendMultiplierRequest::kMaxUtilityLoss:
      STEER_RETURN_IF_ERROR(CheckFinite("max_utility_loss", request.max_utility_loss()));
      spec.max_utility_loss = request.max_utility_loss();
      return spec;
    case v1::RecommendMultiplierRequest::kMinPreferenceGain:
      STEER_RETURN_IF_ERROR(CheckFinite("min_preference_gain", request.min_preference_gain()));
      spec.min_preference_gain = request.min_preference_gain();
      return spec;
    case v1::RecommendMultiplierRequest::GOAL_NOT_SET:
      break;
  }
  return InvalidField("goal", "nothing", "max_utility_loss or min_preference_gain");
}

}  // namespace steer

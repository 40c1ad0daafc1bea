#include "core/runtime/probe_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

using Json = nlohmann::json;

// An end of turn that was left to the model is kept as such: null.
Json OptionalFlag(const std::optional<bool>& flag) { return flag ? Json(*flag) : Json(); }

bool IsPair(const Json& pair) {
  return pair.is_array() && pair.size() == 3 && pair[0].is_string() && pair[1].is_string() &&
         pair[2].is_string();
}

bool IsDefinition(const Json& json) {
  if (!json.is_object()) return false;
  for (const char* key : {"pairs", "system", "raw", "end_of_turn", "both_spellings"}) {
    if (!json.contains(key)) return false;
  }
  if (!json["pairs"].is_array() || !json["system"].is_string() || !json["raw"].is_boolean() ||
      !(json["end_of_turn"].is_null() || json["end_of_turn"].is_boolean()) ||
      !json["both_spellings"].is_boolean()) {
    return false;
  }
  for (const Json& pair : json["pairs"]) {
    if (!IsPair(pair)) return false;
  }
  return true;
}

}  // namespace

ProbeEffect EffectOf(const ProbeRun& run) {
  ProbeEffect effect;
  double uses = 0, utility = 0;
  bool defined = run.plain_utility.has_value();
  for (const ProbePoint& point : run.points) {
    const auto weight = static_cast<double>(point.uses);
    uses += weight;
    effect.multiplier += weight * point.multiplier;
    effect.preference += weight * point.preference;
    utility += weight * point.utility.value_or(0);
    defined = defined && point.utility.has_value();
  }
  if (uses == 0) return effect;
  effect.multiplier /= uses;
  effect.preference /= uses;
  effect.preference_gain = effect.preference - run.plain_preference;
  if (!defined) return effect;
  effect.utility = utility / uses;
  effect.utility_loss = *run.plain_utility - *effect.utility;
  return effect;
}

ProbeDrift DriftOf(const ProbeState& state) {
  if (!state.first || !state.last) return {};
  const ProbeEffect first = EffectOf(*state.first), last = EffectOf(*state.last);
  ProbeDrift drift{.preference = last.preference_gain - first.preference_gain};
  if (first.utility_loss && last.utility_loss)
    drift.utility = *first.utility_loss - *last.utility_loss;
  return drift;
}

std::string ToDefinition(const PairSetSpec& pairs) {
  Json texts = Json::array();
  for (const PolarPair& pair : pairs.pairs)
    texts.push_back(Json::array({pair.question, pair.positive, pair.negative}));
  const Json json = {{"pairs", std::move(texts)},
                     {"system", pairs.system},
                     {"raw", pairs.raw},
                     {"end_of_turn", OptionalFlag(pairs.end_of_turn)},
                     {"both_spellings", pairs.both_spellings}};
  // Requests hold UTF-8; whatever else came would be replaced and not thrown about.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<PairSetSpec> ToPairSet(const ProbeSet& set) {
  const Json json = Json::parse(set.definition, nullptr, /*allow_exceptions=*/false);
  if (!IsDefinition(json)) {
    return absl::DataLossError(
        absl::StrCat("the probe set of signal '", set.signal, "' is damaged; set it again"));
  }
  PairSetSpec pairs;
  for (const Json& pair : json["pairs"]) {
    pairs.pairs.push_back(
        {pair[0].get<std::string>(), pair[1].get<std::string>(), pair[2].get<std::string>()});
  }
  pairs.system = json["system"].get<std::string>();
  pairs.raw = json["raw"].get<bool>();
  if (json["end_of_turn"].is_boolean()) pairs.end_of_turn = json["end_of_turn"].get<bool>();
  pairs.both_spellings = json["both_spellings"].get<bool>();
  return pairs;
}

}  // namespace steer

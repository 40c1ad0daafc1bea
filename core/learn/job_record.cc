#include "core/learn/job_record.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

using Json = nlohmann::json;

constexpr std::array<JobState, 5> kStates = {JobState::kQueued, JobState::kRunning,
                                             JobState::kSucceeded, JobState::kFailed,
                                             JobState::kCancelled};

Json Member(const std::optional<double>& number) { return number ? Json(*number) : Json(); }

std::optional<double> OptionalNumber(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}

Json Member(const LayerOutcome& layer) {
  return {{"layer", layer.layer},
          {"signal", layer.signal_id},
          {"curve", layer.curve_id},
          {"multiplier", Member(layer.multiplier)},
          {"gain", Member(layer.preference_gain)},
          {"loss", Member(layer.utility_loss)}};
}

LayerOutcome ToLayer(const Json& json) {
  return {.layer = json.at("layer").get<int>(),
          .signal_id = json.at("signal").get<std::string>(),
          .curve_id = json.at("curve").get<std::string>(),
          .multiplier = OptionalNumber(json.at("multiplier")),
          .preference_gain = OptionalNumber(json.at("gain")),
          .utility_loss = OptionalNumber(json.at("loss"))};
}

Json Member(const std::vector<LayerOutcome>& layers) {
  Json list = Json::array();
  for (const LayerOutcome& layer : layers) list.push_back(Member(layer));
  return list;
}

std::vector<LayerOutcome> ToLayers(const Json& list) {
  std::vector<LayerOutcome> layers;
  for (const Json& layer : list) layers.push_back(ToLayer(layer));
  return layers;
}

JobRecord ToRecord(const std::string& id, const Json& json) {
  JobRecord record;
  record.id = id;
  record.state = kStates.at(json.at("state").get<size_t>());
  record.learner = json.at("learner").get<std::string>();
  record.settings = json.at("settings").get<std::string>();
  record.dataset = json.at("dataset").get<std::string>();
  record.held_out_dataset = json.at("held_out_dataset").get<std::string>();
  record.done = json.at("done").get<int>();
  record.total = json.at("total").get<int>();
  record.outcome.signal_id = json.at("signal").get<std::string>();
  record.outcome.curve_id = json.at("curve").get<std::string>();
  record.outcome.name = json.at("name").get<std::string>();
  record.outcome.results = json.at("results").get<std::map<std::string, double>>();
  record.outcome.layers = ToLayers(json.at("layers"));
  record.status = absl::Status(static_cast<absl::StatusCode>(json.at("code").get<int>()),
                               json.at("message").get<std::string>());
  record.created_unix_ms = json.at("created").get<int64_t>();
  record.finished_unix_ms = json.at("finished").get<int64_t>();
  return record;
}

}  // namespace

absl::string_view Name(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kSucceeded:
      return "succeeded";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  return "";
}

bool Finished(JobState state) { return state != JobState::kQueued && state != JobState::kRunning; }

std::string ToJson(const JobRecord& record) {
  const Json json = {{"state", static_cast<size_t>(record.state)},
                     {"learner", record.learner},
                     {"settings", record.settings},
                     {"dataset", record.dataset},
                     {"held_out_dataset", record.held_out_dataset},
                     {"done", record.done},
                     {"total", record.total},
                     {"signal", record.outcome.signal_id},
                     {"curve", record.outcome.curve_id},
                     {"name", record.outcome.name},
                     {"results", record.outcome.results},
                     {"layers", Member(record.outcome.layers)},
                     {"code", static_cast<int>(record.status.code())},
                     {"message", std::string(record.status.message())},
                     {"created", record.created_unix_ms},
                     {"finished", record.finished_unix_ms}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<JobRecord> JobFromJson(const std::string& id, const std::string& json) {
  try {
    return ToRecord(id, Json::parse(json));
  } catch (const std::exception& error) {  // of the library, or of a state that there is not
    return absl::DataLossError(absl::StrCat("the record of ", id, " is damaged: ", error.what()));
  }
}

std::string ToJson(const std::vector<LayerOutcome>& layers) { return Member(layers).dump(); }

absl::StatusOr<std::vector<LayerOutcome>> LayersFromJson(const std::string& json) {
  try {
    return ToLayers(Json::parse(json));
  } catch (const Json::exception& error) {
    return absl::DataLossError(absl::StrCat("the layers of a search are damaged: ", error.what()));
  }
}

}  // namespace steer

#include "core/runtime/generation_config.h"

#include <cmath>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/mapped_file.h"
#include "core/schedule/sampling_params.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

using Json = nlohmann::json;

// Such files have a few hundred bytes; anything large was named by mistake.
constexpr size_t kMaxBytes = 1 << 20;

struct Knob {
  const char* json;
  const char* gguf;
  void (*set)(GenerationConfig& config, double value);
};

constexpr Knob kKnobs[] = {
    {"temperature", "general.sampling.temp",
     [](GenerationConfig& config, double value) { config.temperature = value; }},
    {"top_k", "general.sampling.top_k",
     [](GenerationConfig& config, double value) { config.top_k = static_cast<int>(value); }},
    {"top_p", "general.sampling.top_p",
     [](GenerationConfig& config, double value) { config.top_p = value; }},
    {"min_p", "general.sampling.min_p",
     [](GenerationConfig& config, double value) { config.min_p = value; }},
    {"repetition_penalty", "general.sampling.penalty_repeat",
     [](GenerationConfig& config, double value) { config.repetition_penalty = value; }},
};

bool IsWhole(const Knob& knob) { return absl::string_view(knob.json) == "top_k"; }

// The ranges are those of a request, which this stands in for.
absl::Status Check(const GenerationConfig& config, const char* key) {
  SamplingParams params;
  params.temperature = config.temperature.value_or(params.temperature);
  params.top_k = config.top_k.value_or(params.top_k);
  params.top_p = config.top_p.value_or(params.top_p);
  params.min_p = config.min_p.value_or(params.min_p);
  params.repetition_penalty = config.repetition_penalty.value_or(params.repetition_penalty);
  const absl::Status status = Validate(params, /*vocabulary=*/0);
  if (status.ok()) return absl::OkStatus();
  const ErrorDetail detail = DetailOf(status).value_or(ErrorDetail());
  return InvalidField(key, detail.got, detail.allowed);
}

// Knobs are set one by one, so what `Check` finds is this one's.
absl::Status Set(const Knob& knob, const char* key, double value, GenerationConfig& config) {
  constexpr double kGreatest = std::numeric_limits<int>::max();
  if (IsWhole(knob) && !(std::abs(value) <= kGreatest && std::trunc(value) == value)) {
    return InvalidField(key, absl::StrCat(value), "a whole number, 0 (all) or more");
  }
  knob.set(config, value);
  return Check(config, key);
}

absl::StatusOr<Json> ParseObject(absl::string_view text) {
  if (text.size() > kMaxBytes) {
    return InvalidField("generation_config.json", absl::StrCat(text.size(), " bytes"),
                        absl::StrCat("at most ", kMaxBytes, " bytes"));
  }
  Json object = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (object.is_object()) return object;
  return InvalidField("generation_config.json", object.is_discarded() ? "no JSON" : "another value",
                      "a JSON object");
}

absl::StatusOr<GenerationConfig> FromJson(absl::string_view text) {
  STEER_ASSIGN_OR_RETURN(const Json object, ParseObject(text));
  GenerationConfig config;
  for (const Knob& knob : kKnobs) {
    const auto found = object.find(knob.json);
    if (found == object.end() || found->is_null()) continue;  // null is how transformers says unset
    if (!found->is_number()) {
      return InvalidField(knob.json, absl::StrCat("a value of type ", found->type_name()),
                          "a number");
    }
    STEER_RETURN_IF_ERROR(Set(knob, knob.json, found->get<double>(), config));
  }
  const auto sampled = object.find("do_sample");
  if (sampled == object.end() || sampled->is_null()) return config;
  if (!sampled->is_boolean()) {
    return InvalidField("do_sample", absl::StrCat("a value of type ", sampled->type_name()),
                        "true or false");
  }
  if (!sampled->get<bool>()) config.temperature = 0;
  return config;
}

}  // namespace

absl::StatusOr<GenerationConfig> GenerationConfigOf(const GgufFile& file) {
  GenerationConfig config;
  for (const Knob& knob : kKnobs) {
    if (file.Find(knob.gguf) == nullptr) continue;
    STEER_ASSIGN_OR_RETURN(const double value, file.Float(knob.gguf));
    STEER_RETURN_IF_ERROR(Set(knob, knob.gguf, value, config));
  }
  return config;
}

absl::StatusOr<GenerationConfig> GenerationConfigOf(const ModelFolder& folder) {
  constexpr char kName[] = "generation_config.json";
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> text, folder.Text(kName));
  if (!text) return GenerationConfig();
  absl::StatusOr<GenerationConfig> config = FromJson(*text);
  if (!config.ok()) return Annotate(config.status(), kName);
  return config;
}

absl::StatusOr<GenerationConfig> ReadGenerationConfig(const std::string& path) {
  const absl::StatusOr<std::shared_ptr<const MappedFile>> file = MappedFile::Open(path);
  if (!file.ok()) return file.status();
  const std::span<const std::byte> bytes = (*file)->bytes();
  absl::StatusOr<GenerationConfig> config =
      FromJson({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!config.ok()) return Annotate(config.status(), Quoted(path));
  return config;
}

}  // namespace steer

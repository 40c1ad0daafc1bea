#include "core/store/formats/native.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/safetensors.h"
#include "core/signal/signal_tensors.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

using Metadata = std::map<std::string, std::string>;

constexpr char kFormat[] = "control-signal/1";
constexpr std::array<const char*, 8> kKeys = {"format",
                                              "kind",
                                              "nonlinearity",
                                              "model_shape",
                                              "model_weights",
                                              "default_multiplier",
                                              "default_positions",
                                              "reads"};

std::string Field(absl::string_view key) { return absl::StrCat("__metadata__.", key); }

std::string ValueOr(const Metadata& metadata, const std::string& key, const char* fallback) {
  const auto it = metadata.find(key);
  return it == metadata.end() ? fallback : it->second;
}

absl::Status CheckKeys(const Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return InvalidField("__metadata__", absl::StrCat("the key ", Quoted(key)),
                          absl::StrJoin(kKeys, ", "));
    }
  }
  const auto format = metadata.find("format");
  if (format == metadata.end()) return InvalidField(Field("format"), "nothing", kFormat);
  if (format->second != kFormat) {
    return InvalidField(Field("format"), Quoted(format->second), kFormat);
  }
  return absl::OkStatus();
}

// The shortest decimal that reads back as the same double, whatever the locale.
std::string WriteDouble(double value) {
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

absl::StatusOr<double> ParseMultiplier(const std::string& text) {
  double value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc() || end != last || !std::isfinite(value)) {
    return InvalidField(Field("default_multiplier"), Quoted(text), "a finite decimal number");
  }
  return value;
}

absl::StatusOr<Nonlinearity> NonlinearityOf(SignalKind kind, const Metadata& metadata) {
  const auto found = metadata.find("nonlinearity");
  if (found == metadata.end()) return Nonlinearity::kIdentity;
  if (kind == SignalKind::kBottleneck)
    return ParseNonlinearity(found->second, Field("nonlinearity"));
  return InvalidField(Field("nonlinearity"), Quoted(found->second),
                      absl::StrCat("none for kind ", Name(kind)));
}

// A flat JSON object without repeated keys: JSON libraries differ in which of two they take.
absl::StatusOr<nlohmann::json> ParseObject(const char* key, const std::string& text) {
  std::set<std::string> seen;
  bool plain = true;
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::key) {
      plain &= depth == 1 && seen.insert(parsed.get<std::string>()).second;
    }
    return true;
  };
  nlohmann::json object = nlohmann::json::parse(text, check, /*allow_exceptions=*/false);
  if (!object.is_object() || !plain) {
    return InvalidField(Field(key), Quoted(text), "a JSON object, each key once");
  }
  return object;
}

absl::StatusOr<PositionRule> ParsePositions(const std::string& text) {
  STEER_ASSIGN_OR_RETURN(const nlohmann::json object, ParseObject("default_positions", text));
  PositionRule rule;
  const std::map<std::string, bool*> members = {
      {"prompt", &rule.prompt},
      {"generated", &rule.generated},
      {"exclude_template_head", &rule.exclude_template_head},
      {"user_text_only", &rule.user_text_only}};
  for (const auto& [key, value] : object.items()) {
    const auto member = members.find(key);
    if (member == members.end() || !value.is_boolean()) {
      return InvalidField(
          Field("default_positions"), Quoted(text),
          "prompt, generated, exclude_template_head and user_text_only, each true or false");
    }
    *member->second = value.get<bool>();
  }
  return rule;
}

// Any float type as F32.
absl::StatusOr<HostTensor> Widen(const std::string& name, const SafetensorsFile::Tensor& tensor) {
  if (tensor.dtype == DType::kF32) {
    return HostTensor{DType::kF32, tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
  }
  if (tensor.dtype != DType::kF16 && tensor.dtype != DType::kBF16 && tensor.dtype != DType::kF64) {
    return InvalidField(name, Name(tensor.dtype), "F32, F16, BF16 or F64");
  }
  const std::vector<float> values = ToFloats(tensor.dtype, tensor.bytes);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(values));
  return HostTensor{DType::kF32, tensor.shape, {bytes.begin(), bytes.end()}};
}

absl::Status AddTensor(SignalKind kind, const std::string& name,
                       const SafetensorsFile::Tensor& tensor, std::map<Site, SiteUpdate>& updates) {
  const size_t dot = name.rfind('.');
  const std::string site_name = name.substr(0, dot == std::string::npos ? 0 : dot);
  const absl::StatusOr<Site> site = ParseSite(site_name, "tensor");
  if (site.ok()) STEER_RETURN_IF_ERROR(CheckServed(kind, name.substr(dot + 1), name));
  const std::vector<std::string> known = TensorNames(kind);
  if (!site.ok() || std::find(known.begin(), known.end(), name.substr(dot + 1)) == known.end()) {
    return InvalidField("tensors", Quoted(name),
                        absl::StrCat("<site>.<tensor>, site as in layers.3.down_proj, tensor of ",
                                     absl::StrJoin(known, ", "), " for kind ", Name(kind)));
  }
  STEER_ASSIGN_OR_RETURN(HostTensor widened, Widen(name, tensor));
  SiteUpdate& update = updates[*site];
  update.site = *site;
  update.tensors.emplace(name.substr(dot + 1), std::move(widened));
  return absl::OkStatus();
}

absl::Status AddReads(const std::string& text, std::map<Site, SiteUpdate>& updates) {
  STEER_ASSIGN_OR_RETURN(const nlohmann::json object, ParseObject("reads", text));
  for (const auto& [key, value] : object.items()) {
    STEER_ASSIGN_OR_RETURN(const Site site, ParseSite(key, Field("reads")));
    const auto update = updates.find(site);
    if (update == updates.end()) {
      return InvalidField(Field("reads"), Quoted(key), "a site that has tensors");
    }
    const std::string read = value.is_string() ? value.get<std::string>() : value.type_name();
    STEER_ASSIGN_OR_RETURN(update->second.read, ParseRead(read, Field("reads")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SignalData> ParseNative(std::span<const std::byte> file) {
  STEER_ASSIGN_OR_RETURN(const std::shared_ptr<const SafetensorsFile> parsed,
                         SafetensorsFile::Parse(file));
  const Metadata& metadata = parsed->metadata();
  STEER_RETURN_IF_ERROR(CheckKeys(metadata));
  SignalData signal;
  STEER_ASSIGN_OR_RETURN(signal.kind,
                         ParseSignalKind(ValueOr(metadata, "kind", ""), Field("kind")));
  STEER_ASSIGN_OR_RETURN(signal.nonlinearity, NonlinearityOf(signal.kind, metadata));
  signal.marks = {ValueOr(metadata, "model_shape", ""), ValueOr(metadata, "model_weights", "")};
  STEER_ASSIGN_OR_RETURN(signal.default_multiplier,
                         ParseMultiplier(ValueOr(metadata, "default_multiplier", "1")));
  STEER_ASSIGN_OR_RETURN(signal.default_positions,
                         ParsePositions(ValueOr(metadata, "default_positions", "{}")));
  std::map<Site, SiteUpdate> updates;
  for (const auto& [name, tensor] : parsed->tensors()) {
    STEER_RETURN_IF_ERROR(AddTensor(signal.kind, name, tensor, updates));
  }
  STEER_RETURN_IF_ERROR(AddReads(ValueOr(metadata, "reads", "{}"), updates));
  if (updates.empty()) return InvalidField("tensors", "none", "at least one");
  for (auto& [site, update] : updates) signal.updates.push_back(std::move(update));
  return signal;
}

std::string WriteNative(const SignalData& signal) {
  const PositionRule& rule = signal.default_positions;
  Metadata metadata = {
      {"format", kFormat},
      {"kind", std::string(Name(signal.kind))},
      {"default_multiplier", WriteDouble(signal.default_multiplier)},
      {"default_positions", nlohmann::json{{"prompt", rule.prompt},
                                           {"generated", rule.generated},
                                           {"exclude_template_head", rule.exclude_template_head},
                                           {"user_text_only", rule.user_text_only}}
                                .dump()}};
  if (signal.kind == SignalKind::kBottleneck)
    metadata["nonlinearity"] = std::string(Name(signal.nonlinearity));
  if (!signal.marks.shape.empty()) metadata["model_shape"] = signal.marks.shape;
  if (!signal.marks.weights.empty()) metadata["model_weights"] = signal.marks.weights;
  nlohmann::json reads = nlohmann::json::object();
  std::map<std::string, HostTensor> tensors;
  for (const SiteUpdate& update : signal.updates) {
    const std::string site = ToString(update.site);
    if (update.read != Read::kSiteInput) reads[site] = std::string(Name(update.read));
    for (const auto& [name, tensor] : update.tensors) {
      tensors.emplace(absl::StrCat(site, ".", name), tensor);
    }
  }
  if (!reads.empty()) metadata["reads"] = reads.dump();
  return WriteSafetensors(metadata, tensors);
}

}  // namespace steer

#include "core/model/hf_layers.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/model/hf_rope.h"

namespace steer {
namespace {

constexpr char kFull[] = "full_attention";
constexpr char kSliding[] = "sliding_attention";
constexpr int64_t kMostPositions = int64_t{1} << 24;

// 0: none.
absl::StatusOr<int64_t> WindowOf(JsonFields& fields, const Family& family) {
  const int64_t absent = fields.IsNull("sliding_window") ? 0 : family.window;
  STEER_ASSIGN_OR_RETURN(const int64_t window,
                         fields.Int("sliding_window", absent, 0, kMostPositions));
  fields.Ignore({"max_window_layers"});  // where there is no window
  if (family.name != "qwen2" && family.name != "qwen3" && family.name != "smollm3") {
    STEER_RETURN_IF_ERROR(fields.OnlyAs("use_sliding_window", window > 0));
    return window;
  }
  STEER_ASSIGN_OR_RETURN(const std::optional<bool> used, fields.Bool("use_sliding_window"));
  return used.value_or(false) ? window : 0;
}

// Which layers have the window, where `layer_types` does not say.
absl::StatusOr<std::vector<bool>> SlidingByRule(JsonFields& fields, const Family& family,
                                                const ModelConfig& config, int64_t window) {
  std::vector<bool> sliding(config.layers, false);
  if (family.name == "mistral" || family.name == "phi3") sliding.assign(config.layers, window > 0);
  if (family.name == "qwen2" || family.name == "qwen3") {
    STEER_ASSIGN_OR_RETURN(const int64_t from, fields.Int("max_window_layers", 28, 0, 1 << 20));
    for (int layer = 0; layer < config.layers; ++layer) {
      sliding[layer] = window > 0 && layer >= from;
    }
  }
  if (family.window_period > 0) {
    STEER_ASSIGN_OR_RETURN(const int64_t period,
                           fields.Int("sliding_window_pattern", family.window_period, 1, 1000));
    if (family.name != "gemma3" && period != family.window_period) {
      // The reference does not look at it here.
      return InvalidField("sliding_window_pattern", absl::StrCat(period),
                          absl::StrCat(family.window_period));
    }
    STEER_RETURN_IF_ERROR(fields.OnlyAs("_sliding_window_pattern", period));
    for (int layer = 0; layer < config.layers; ++layer) sliding[layer] = (layer + 1) % period != 0;
  }
  if (family.name == "smollm3" && window > 0) {
    for (int layer = 0; layer < config.layers; ++layer) {
      sliding[layer] = config.layer_configs[layer].rope < 0;
    }
  }
  return sliding;
}

absl::StatusOr<std::vector<bool>> SlidingLayers(JsonFields& fields, const Family& family,
                                                const ModelConfig& config, int64_t window) {
  // In these two the reference knows no layer types.
  const bool typed = family.name != "llama" && family.name != "mistral" && family.name != "phi3";
  std::optional<std::vector<std::string>> types;
  if (typed) {
    STEER_ASSIGN_OR_RETURN(types, fields.Strings("layer_types"));
  }
  if (!types) return SlidingByRule(fields, family, config, window);
  fields.Ignore({"max_window_layers", "sliding_window_pattern", "_sliding_window_pattern"});
  if (static_cast<int>(types->size()) != config.layers) {
    return InvalidField("layer_types", absl::StrCat(types->size(), " layers"),
                        absl::StrCat("num_hidden_layers = ", config.layers));
  }
  std::vector<bool> sliding;
  for (const std::string& type : *types) {
    if (type != kFull && type != kSliding) {
      return FieldError(absl::StatusCode::kUnimplemented,
                        {"UNSUPPORTED_MODEL", "layer_types", Quoted(type),
                         absl::StrCat(kFull, " or ", kSliding)});
    }
    sliding.push_back(type == kSliding);
  }
  return sliding;
}

absl::Status ReadNoRope(JsonFields& fields, const Family& family, ModelConfig& config) {
  if (family.no_rope_period == 0) return absl::OkStatus();
  STEER_ASSIGN_OR_RETURN(const int64_t period,
                         fields.Int("no_rope_layer_interval", family.no_rope_period, 1, 1000));
  STEER_ASSIGN_OR_RETURN(const auto rotates, fields.Numbers("no_rope_layers"));
  if (rotates && static_cast<int>(rotates->size()) < config.layers) {
    return InvalidField("no_rope_layers", absl::StrCat(rotates->size(), " layers"),
                        absl::StrCat("num_hidden_layers = ", config.layers));
  }
  for (int layer = 0; layer < config.layers; ++layer) {
    const bool rotated = rotates ? (*rotates)[layer] != 0 : (layer + 1) % period != 0;
    config.layer_configs[layer].rope = rotated ? 0 : -1;
  }
  return absl::OkStatus();
}

absl::Status ReadRotaryDim(JsonFields& fields, const Family& family,
                           std::optional<JsonFields>& rope, ModelConfig& config) {
  config.rotary_dim = config.head_dim;
  STEER_ASSIGN_OR_RETURN(double part, fields.Positive("partial_rotary_factor", 1.0));
  if (rope) {
    STEER_ASSIGN_OR_RETURN(part, rope->Positive("partial_rotary_factor", part));
  }
  if (part == 1) return absl::OkStatus();
  if (family.name != "phi3" || part > 1) {
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNSUPPORTED_MODEL", "partial_rotary_factor", absl::StrCat(part),
                       family.name == "phi3" ? "up to 1" : "1 in this family"});
  }
  config.rotary_dim = static_cast<int64_t>(static_cast<double>(config.head_dim) * part);
  return absl::OkStatus();
}

// The rotation of the layers without a window, and where it is another one, of those with.
absl::Status ReadRopes(JsonFields& fields, const Family& family, RopeSurroundings around,
                       ModelConfig& config) {
  STEER_ASSIGN_OR_RETURN(std::optional<JsonFields> rope, fields.Object("rope_parameters"));
  STEER_ASSIGN_OR_RETURN(std::optional<JsonFields> older, fields.Object("rope_scaling"));
  if (rope && older) {
    return InvalidField("rope_parameters", "rope_scaling beside it", "one of the two");
  }
  const bool newer = rope.has_value();
  if (!rope) rope = std::move(older);
  STEER_RETURN_IF_ERROR(ReadRotaryDim(fields, family, rope, config));
  around.rotary_dim = config.rotary_dim;
  STEER_ASSIGN_OR_RETURN(around.theta, fields.Positive("rope_theta", family.theta));
  std::optional<JsonFields> local;
  if (family.local_theta > 0 && newer) {
    JsonFields parts = *rope;
    STEER_ASSIGN_OR_RETURN(local, parts.Object(kSliding));
    STEER_ASSIGN_OR_RETURN(rope, parts.Object(kFull));
    STEER_RETURN_IF_ERROR(parts.RefuseOthers());
  }
  STEER_ASSIGN_OR_RETURN(const HfRope whole, ReadRope(rope, around));
  config.ropes = {whole.rope};
  config.context_limit = static_cast<int>(whole.positions);
  if (family.local_theta == 0) return absl::OkStatus();
  STEER_ASSIGN_OR_RETURN(around.theta, fields.Positive("rope_local_base_freq", family.local_theta));
  STEER_ASSIGN_OR_RETURN(const HfRope part, ReadRope(local, around));
  config.ropes.push_back(part.rope);
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadLayers(JsonFields& fields, const Family& family, ModelConfig& config) {
  config.layer_configs.resize(config.layers);
  RopeSurroundings around;
  STEER_ASSIGN_OR_RETURN(
      around.positions, fields.Int("max_position_embeddings", family.positions, 2, kMostPositions));
  if (family.name == "phi3") {
    around.longrope = true;
    STEER_ASSIGN_OR_RETURN(around.original,
                           fields.Int("original_max_position_embeddings", 4096, 2, kMostPositions));
  }
  STEER_RETURN_IF_ERROR(ReadRopes(fields, family, around, config));
  STEER_RETURN_IF_ERROR(ReadNoRope(fields, family, config));
  if (family.name == "llama") return absl::OkStatus();
  STEER_ASSIGN_OR_RETURN(const int64_t window, WindowOf(fields, family));
  STEER_ASSIGN_OR_RETURN(const std::vector<bool> sliding,
                         SlidingLayers(fields, family, config, window));
  for (int layer = 0; layer < config.layers; ++layer) {
    if (!sliding[layer]) continue;
    if (window == 0) {
      return InvalidField("layer_types", absl::StrCat(kSliding, " without a window"),
                          "sliding_window (and use_sliding_window) where a layer has one");
    }
    LayerConfig& one = config.layer_configs[layer];
    // A window that nothing can leave is none.
    one.window = window < config.context_limit ? static_cast<int>(window) : 0;
    if (config.ropes.size() > 1) one.rope = 1;
  }
  return absl::OkStatus();
}

}  // namespace steer

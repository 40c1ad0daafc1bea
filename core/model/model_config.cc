#include "core/model/model_config.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

absl::Status InRange(absl::string_view field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(value), absl::StrCat(least, "..", most));
}

absl::Status CheckSizes(const ModelConfig& config) {
  STEER_RETURN_IF_ERROR(InRange("layers", config.layers, 1, 1000));
  STEER_RETURN_IF_ERROR(InRange("hidden size", config.hidden, 1, 1 << 17));
  STEER_RETURN_IF_ERROR(InRange("intermediate size", config.ffn, 1, 1 << 20));
  STEER_RETURN_IF_ERROR(InRange("attention heads", config.heads, 1, 1 << 12));
  STEER_RETURN_IF_ERROR(InRange("key and value heads", config.kv_heads, 1, config.heads));
  STEER_RETURN_IF_ERROR(InRange("head dimension", config.head_dim, 2, 4096));
  STEER_RETURN_IF_ERROR(InRange("rotary dimension", config.rotary_dim, 2, config.head_dim));
  STEER_RETURN_IF_ERROR(InRange("vocabulary", config.vocabulary, 1, 1 << 24));
  STEER_RETURN_IF_ERROR(InRange("context", config.context_limit, 1, 1 << 24));
  if (config.heads % config.kv_heads != 0) {
    return InvalidField("key and value heads", absl::StrCat(config.kv_heads),
                        absl::StrCat("a divisor of the attention heads, ", config.heads));
  }
  for (const int64_t dimension : {config.head_dim, config.rotary_dim}) {
    if (dimension % 2 != 0) {
      return InvalidField("head and rotary dimension", absl::StrCat(dimension), "even numbers");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRope(const RopeConfig& rope, int64_t rotary_dim) {
  if (!(rope.theta > 1 && rope.theta < 1e12)) {
    return InvalidField("RoPE base", absl::StrCat(rope.theta), "between 1 and 1e12");
  }
  if (!(rope.amplitude > 0 && rope.amplitude < 100)) {
    return InvalidField("RoPE attention factor", absl::StrCat(rope.amplitude),
                        "above 0, below 100");
  }
  if (!rope.divisors.empty() && static_cast<int64_t>(rope.divisors.size()) != rotary_dim / 2) {
    return InvalidField("RoPE factors", absl::StrCat(rope.divisors.size(), " numbers"),
                        absl::StrCat(rotary_dim / 2, ", half the rotary dimension"));
  }
  for (const double divisor : rope.divisors) {
    if (divisor > 0 && divisor < 1e9) continue;
    return InvalidField("RoPE factors", absl::StrCat(divisor), "above 0, below 1e9");
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers(const ModelConfig& config) {
  if (!(config.norm_epsilon > 0 && config.norm_epsilon < 1)) {
    return InvalidField("norm epsilon", absl::StrCat(config.norm_epsilon), "between 0 and 1");
  }
  if (!(config.attention_scale > 0 && config.attention_scale < 1e6)) {
    return InvalidField("attention scale", absl::StrCat(config.attention_scale), "above 0");
  }
  for (const double cap : {config.attention_soft_cap, config.final_soft_cap}) {
    if (cap >= 0 && cap < 1e9) continue;
    return InvalidField("soft cap", absl::StrCat(cap), "above 0, or none");
  }
  return absl::OkStatus();
}

}  // namespace

ModelShape ModelConfig::shape() const {
  return {.layers = layers,
          .hidden = hidden,
          .ffn = ffn,
          .q_width = heads * head_dim,
          .kv_width = kv_heads * head_dim,
          .kv_heads = kv_heads};
}

std::vector<KvGroup> ModelConfig::kv_groups() const {
  std::vector<KvGroup> groups;
  for (int layer = 0; layer < layers; ++layer) {
    const int window = layer_configs[layer].window;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [window](const KvGroup& group) { return group.window == window; });
    if (group == groups.end()) group = groups.insert(groups.end(), {window, {}});
    group->layers.push_back(layer);
  }
  return groups;
}

absl::Status ModelConfig::Validate() const {
  STEER_RETURN_IF_ERROR(CheckSizes(*this));
  STEER_RETURN_IF_ERROR(CheckNumbers(*this));
  if (ropes.empty()) return InvalidField("RoPE", "none", "at least one");
  for (const RopeConfig& rope : ropes) STEER_RETURN_IF_ERROR(CheckRope(rope, rotary_dim));
  if (static_cast<int>(layer_configs.size()) != layers) {
    return InvalidField("layer types", absl::StrCat(layer_configs.size()),
                        absl::StrCat("one for each of ", layers, " layers"));
  }
  for (const LayerConfig& layer : layer_configs) {
    STEER_RETURN_IF_ERROR(InRange("attention window", layer.window, 0, context_limit));
    STEER_RETURN_IF_ERROR(
        InRange("RoPE of a layer", layer.rope, -1, static_cast<int64_t>(ropes.size()) - 1));
  }
  return absl::OkStatus();
}

}  // namespace steer

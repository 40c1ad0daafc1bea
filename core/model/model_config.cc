#include "core/model/model_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// Keys of a llama-type file that change what the decoder computes and that this one does not have.
constexpr std::array<absl::string_view, 9> kUnsupported = {
    "rope.scaling.type",        "rope.scaling.factor",      "expert_count",
    "attention.sliding_window", "attention.key_length_mla", "attn_logit_softcapping",
    "final_logit_softcapping",  "attention.max_alibi_bias", "attention.clamp_kqv",
};

absl::StatusOr<int64_t> Positive(const GgufFile& file, const std::string& key, int64_t limit) {
  STEER_ASSIGN_OR_RETURN(const int64_t value, file.Int(key));
  if (value < 1 || value > limit)
    return InvalidField(key, absl::StrCat(value), absl::StrCat("1..", limit));
  return value;
}

absl::Status RefuseUnsupported(const GgufFile& file, const std::string& prefix) {
  for (const absl::string_view name : kUnsupported) {
    const std::string key = absl::StrCat(prefix, name);
    const GgufFile::Value* value = file.Find(key);
    if (value == nullptr) continue;
    // Written out but switched off: a factor of 1, the type "none", a count of 0.
    if (const auto* text = std::get_if<std::string>(value); text != nullptr && *text == "none")
      continue;
    if (const auto* number = std::get_if<int64_t>(value); number != nullptr && *number == 0)
      continue;
    if (const auto* number = std::get_if<double>(value);
        number != nullptr && (*number == 0 || *number == 1))
      continue;
    return FieldError(
        absl::StatusCode::kUnimplemented,
        {"UNSUPPORTED_MODEL", key, "a value that switches it on", "a model without it"});
  }
  return absl::OkStatus();
}

absl::Status CheckShapes(const ModelConfig& config) {
  if (config.heads % config.kv_heads != 0) {
    return InvalidField("attention.head_count_kv", absl::StrCat(config.kv_heads),
                        absl::StrCat("a divisor of attention.head_count = ", config.heads));
  }
  if (config.head_dim % 2 != 0) {
    return InvalidField("head dimension", absl::StrCat(config.head_dim), "an even number");
  }
  if (!(config.norm_epsilon > 0 && config.norm_epsilon < 1)) {
    return InvalidField("attention.layer_norm_rms_epsilon", absl::StrCat(config.norm_epsilon),
                        "between 0 and 1");
  }
  for (const RopeConfig& rope : config.ropes) {
    if (rope.theta > 1 && rope.theta < 1e12) continue;
    return InvalidField("rope.freq_base", absl::StrCat(rope.theta), "between 1 and 1e12");
  }
  return absl::OkStatus();
}

}  // namespace

ModelShape ModelConfig::shape() const {
  return {.layers = layers,
          .hidden = hidden,
          .ffn = ffn,
          .q_width = heads * head_dim,
          .kv_width = kv_heads * head_dim};
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

absl::StatusOr<ModelConfig> ModelConfig::FromGguf(const GgufFile& file) {
  ModelConfig config;
  STEER_ASSIGN_OR_RETURN(config.architecture, file.String("general.architecture"));
  if (config.architecture != "llama") {
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNSUPPORTED_MODEL", "general.architecture",
                       absl::StrCat("'", config.architecture, "'"), "llama"});
  }
  const std::string prefix = absl::StrCat(config.architecture, ".");
  STEER_RETURN_IF_ERROR(RefuseUnsupported(file, prefix));
  STEER_ASSIGN_OR_RETURN(config.name, file.StringOr("general.name", ""));
  STEER_ASSIGN_OR_RETURN(const int64_t layers, Positive(file, prefix + "block_count", 1000));
  STEER_ASSIGN_OR_RETURN(config.hidden, Positive(file, prefix + "embedding_length", 1 << 17));
  STEER_ASSIGN_OR_RETURN(config.ffn, Positive(file, prefix + "feed_forward_length", 1 << 20));
  STEER_ASSIGN_OR_RETURN(config.heads, Positive(file, prefix + "attention.head_count", 1 << 12));
  STEER_ASSIGN_OR_RETURN(const int64_t context, Positive(file, prefix + "context_length", 1 << 22));
  STEER_ASSIGN_OR_RETURN(config.kv_heads,
                         file.IntOr(prefix + "attention.head_count_kv", config.heads));
  STEER_ASSIGN_OR_RETURN(const int64_t key_length,
                         file.IntOr(prefix + "attention.key_length", config.hidden / config.heads));
  STEER_ASSIGN_OR_RETURN(const int64_t value_length,
                         file.IntOr(prefix + "attention.value_length", key_length));
  STEER_ASSIGN_OR_RETURN(const int64_t rotary,
                         file.IntOr(prefix + "rope.dimension_count", key_length));
  RopeConfig rope;
  STEER_ASSIGN_OR_RETURN(rope.theta, file.FloatOr(prefix + "rope.freq_base", 10000.0));
  STEER_ASSIGN_OR_RETURN(config.norm_epsilon,
                         file.Float(prefix + "attention.layer_norm_rms_epsilon"));
  if (config.kv_heads < 1 || config.kv_heads > config.heads) {
    return InvalidField(prefix + "attention.head_count_kv", absl::StrCat(config.kv_heads),
                        absl::StrCat("1..", config.heads));
  }
  if (key_length < 2 || key_length > 4096) {
    return InvalidField(prefix + "attention.key_length", absl::StrCat(key_length), "2..4096");
  }
  if (value_length != key_length || rotary != key_length) {
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNSUPPORTED_MODEL", prefix + "attention.value_length, rope.dimension_count",
                       absl::StrCat(value_length, ", ", rotary),
                       absl::StrCat("both equal to attention.key_length = ", key_length)});
  }
  config.layers = static_cast<int>(layers);
  config.context_limit = static_cast<int>(context);
  config.head_dim = key_length;
  config.rotary_dim = rotary;
  config.attention_scale = 1 / std::sqrt(static_cast<double>(key_length));
  config.ropes = {rope};
  config.layer_configs.resize(layers);
  STEER_ASSIGN_OR_RETURN(const std::vector<std::string> tokens,
                         file.Strings("tokenizer.ggml.tokens"));
  config.vocabulary = static_cast<int64_t>(tokens.size());
  config.tied_head = !file.tensors().Contains("output.weight");
  STEER_RETURN_IF_ERROR(CheckShapes(config));
  return config;
}

}  // namespace steer

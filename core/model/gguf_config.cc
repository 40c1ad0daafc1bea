#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/host_tensor.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/model/family.h"
#include "core/model/gguf_fields.h"
#include "core/model/model_config.h"
#include "core/model/rope_scaling.h"

namespace steer {
namespace {

constexpr int64_t kMost = int64_t{1} << 24;

absl::Status Unsupported(absl::string_view field, absl::string_view got,
                         absl::string_view allowed) {
  return FieldError(absl::StatusCode::kUnimplemented, {"UNSUPPORTED_MODEL", std::string(field),
                                                       std::string(got), std::string(allowed)});
}

absl::StatusOr<const Family*> FamilyOf(const GgufFile& file) {
  STEER_ASSIGN_OR_RETURN(const std::string name, file.String("general.architecture"));
  const Family* const family = FamilyByName(name);
  if (family != nullptr && family->gguf) return family;
  return Unsupported("general.architecture", Quoted(name),
                     absl::StrCat(FamilyNames(), " (mistral calls itself llama)"));
}

// Keys that real files of these architectures have and that change nothing here: the vocabulary is
// counted, the layout is that of every llama file, and the rest are notes.
absl::Status RefuseSwitches(GgufFields& fields) {
  fields.Ignore({"vocab_size", "tensor_data_layout", "rope.scaling.finetuned"});
  STEER_RETURN_IF_ERROR(fields.OnlyAs("expert_count", int64_t{0}));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("expert_used_count", int64_t{0}));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("attention.causal", true));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("attention.max_alibi_bias", 0.0));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("attention.clamp_kqv", 0.0));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("logit_scale", 1.0));
  return fields.RefuseOthers();
}

absl::Status ReadSizes(GgufFields& fields, ModelConfig& config) {
  STEER_ASSIGN_OR_RETURN(const int64_t layers, fields.Int("block_count", std::nullopt, 1, 1000));
  config.layers = static_cast<int>(layers);
  STEER_ASSIGN_OR_RETURN(config.hidden, fields.Int("embedding_length", std::nullopt, 1, kMost));
  STEER_ASSIGN_OR_RETURN(config.ffn, fields.Int("feed_forward_length", std::nullopt, 1, kMost));
  STEER_ASSIGN_OR_RETURN(config.heads, fields.Int("attention.head_count", std::nullopt, 1, kMost));
  STEER_ASSIGN_OR_RETURN(config.kv_heads,
                         fields.Int("attention.head_count_kv", config.heads, 1, kMost));
  STEER_ASSIGN_OR_RETURN(
      config.head_dim, fields.Int("attention.key_length", config.hidden / config.heads, 1, kMost));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("attention.value_length", config.head_dim));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("attention.key_length_swa", config.head_dim));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("attention.value_length_swa", config.head_dim));
  STEER_ASSIGN_OR_RETURN(config.rotary_dim,
                         fields.Int("rope.dimension_count", config.head_dim, 1, kMost));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("rope.dimension_count_swa", config.rotary_dim));
  STEER_ASSIGN_OR_RETURN(const int64_t context,
                         fields.Int("context_length", std::nullopt, 1, kMost));
  config.context_limit = static_cast<int>(context);
  STEER_ASSIGN_OR_RETURN(const std::vector<std::string> tokens,
                         fields.file().Strings("tokenizer.ggml.tokens"));
  config.vocabulary = static_cast<int64_t>(tokens.size());
  return absl::OkStatus();
}

absl::Status ReadNumbers(GgufFields& fields, const Family& family, ModelConfig& config) {
  STEER_ASSIGN_OR_RETURN(config.norm_epsilon,
                         fields.Float("attention.layer_norm_rms_epsilon", std::nullopt));
  const auto width = static_cast<double>(config.layers == family.layers_scaled_by_width
                                             ? config.hidden / config.heads
                                             : config.head_dim);
  STEER_ASSIGN_OR_RETURN(config.attention_scale,
                         fields.Float("attention.scale", 1 / std::sqrt(width)));
  if (!family.gemma) return absl::OkStatus();
  STEER_ASSIGN_OR_RETURN(config.attention_soft_cap,
                         fields.Float("attn_logit_softcapping", family.attention_soft_cap));
  STEER_ASSIGN_OR_RETURN(config.final_soft_cap,
                         fields.Float("final_logit_softcapping", family.final_soft_cap));
  return absl::OkStatus();
}

// The factors that a file keeps as a tensor.
absl::StatusOr<std::vector<double>> Factors(const GgufFile& file, absl::string_view name) {
  const TensorMap tensors = file.tensors();
  const StoredTensor* const stored = tensors.Find(name);
  if (stored == nullptr) return std::vector<double>();
  if (stored->encoding != Encoding::kF32) {
    return Unsupported(absl::StrCat("tensor ", name), Name(stored->encoding), "F32");
  }
  const std::vector<float> values = ToFloats(DType::kF32, stored->bytes);
  return std::vector<double>(values.begin(), values.end());
}

// LongRoPE: the short factors, and with them the context they were made for.
absl::Status ReadLongRope(GgufFields& fields, ModelConfig& config) {
  RopeConfig& rope = config.ropes[0];
  STEER_ASSIGN_OR_RETURN(rope.divisors, Factors(fields.file(), "rope_factors_short.weight"));
  if (rope.divisors.empty()) return fields.OnlyAs("rope.scaling.attn_factor", 1.0);
  STEER_ASSIGN_OR_RETURN(rope.amplitude, fields.Float("rope.scaling.attn_factor", std::nullopt));
  STEER_ASSIGN_OR_RETURN(const int64_t original, fields.Int("rope.scaling.original_context_length",
                                                            std::nullopt, 2, kMost));
  config.context_limit = std::min(config.context_limit, static_cast<int>(original));
  return absl::OkStatus();
}

absl::Status ReadRope(GgufFields& fields, const Family& family, ModelConfig& config) {
  RopeConfig rope;
  STEER_ASSIGN_OR_RETURN(rope.theta, fields.Float("rope.freq_base", 10000.0));
  STEER_ASSIGN_OR_RETURN(const std::string type, fields.StringOr("rope.scaling.type", "linear"));
  STEER_ASSIGN_OR_RETURN(const double factor, fields.Float("rope.scaling.factor", 1.0));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("rope.scale_linear", 1.0));
  fields.Ignore({"rope.scaling.original_context_length"});
  if (type == "linear" && factor != 0) {
    if (!(factor > 0)) {
      return InvalidField(fields.KeyOf("rope.scaling.factor"), absl::StrCat(factor), "above 0");
    }
    rope.divisors = LinearDivisors(factor, config.rotary_dim);
  } else if (type != "none" && type != "linear" && !(type == "longrope" && family.name == "phi3")) {
    return Unsupported(fields.KeyOf("rope.scaling.type"), Quoted(type), "none or linear");
  }
  config.ropes = {rope};
  if (family.name == "phi3") return ReadLongRope(fields, config);
  STEER_RETURN_IF_ERROR(fields.OnlyAs("rope.scaling.attn_factor", 1.0));
  if (family.local_theta > 0) {
    RopeConfig local;
    STEER_ASSIGN_OR_RETURN(local.theta, fields.Float("rope.freq_base_swa", family.local_theta));
    config.ropes.push_back(local);
    return absl::OkStatus();
  }
  STEER_ASSIGN_OR_RETURN(const std::vector<double> factors,
                         Factors(fields.file(), "rope_freqs.weight"));
  if (factors.empty()) return absl::OkStatus();
  if (!rope.divisors.empty()) {
    return Unsupported(fields.KeyOf("rope.scaling.factor"), absl::StrCat(factor),
                       "1 beside rope_freqs.weight");
  }
  config.ropes[0].divisors = factors;
  return absl::OkStatus();
}

// Which layers have the window, as a list or as a period; else as the family does.
absl::StatusOr<std::vector<bool>> SlidingLayers(GgufFields& fields, const Family& family,
                                                int layers) {
  constexpr char kPattern[] = "attention.sliding_window_pattern";
  int64_t period = family.window_period;
  if (fields.Has(kPattern)) {
    const GgufFile::Value& value = *fields.file().Find(fields.KeyOf(kPattern));
    if (const auto* list = std::get_if<std::vector<bool>>(&value); list != nullptr) {
      if (static_cast<int>(list->size()) == layers) return *list;
      return InvalidField(fields.KeyOf(kPattern), absl::StrCat(list->size(), " layers"),
                          absl::StrCat("block_count = ", layers));
    }
    STEER_ASSIGN_OR_RETURN(period, fields.Int(kPattern, std::nullopt, 1, 1000));
  }
  std::vector<bool> sliding(layers, true);
  for (int layer = 0; period > 0 && layer < layers; ++layer) {
    sliding[layer] = (layer + 1) % period != 0;
  }
  return sliding;
}

absl::Status ReadLayers(GgufFields& fields, const Family& family, ModelConfig& config) {
  config.layer_configs.resize(config.layers);
  for (int layer = 0; family.no_rope_period > 0 && layer < config.layers; ++layer) {
    if ((layer + 1) % family.no_rope_period == 0) config.layer_configs[layer].rope = -1;
  }
  constexpr char kWindow[] = "attention.sliding_window";
  // Files of these families have it always; an old one without it is of unknown window.
  const bool required = family.name == "phi3" || family.name == "gemma3";
  STEER_ASSIGN_OR_RETURN(
      const int64_t window,
      fields.Int(kWindow, required ? std::nullopt : std::optional<int64_t>(family.gguf_window), 0,
                 kMost));
  if (window == 0 && family.window_period == 0) return absl::OkStatus();
  const bool known = family.window_period > 0 || family.name == "phi3" || family.name == "llama";
  if (window == 0 || !known) {
    return Unsupported(fields.KeyOf(kWindow), absl::StrCat(window),
                       known ? "a window: this architecture has one"
                             : "no window: the file does not say in which layers");
  }
  STEER_ASSIGN_OR_RETURN(const std::vector<bool> sliding,
                         SlidingLayers(fields, family, config.layers));
  for (int layer = 0; layer < config.layers; ++layer) {
    if (!sliding[layer]) continue;
    LayerConfig& one = config.layer_configs[layer];
    // A window that nothing can leave is none.
    one.window = window < config.context_limit ? static_cast<int>(window) : 0;
    if (config.ropes.size() > 1) one.rope = 1;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelConfig> ModelConfig::FromGguf(const GgufFile& file) {
  STEER_ASSIGN_OR_RETURN(const Family* const family, FamilyOf(file));
  GgufFields fields(file, family->name);
  ModelConfig config;
  STEER_ASSIGN_OR_RETURN(config.name, file.StringOr("general.name", ""));
  STEER_RETURN_IF_ERROR(ReadSizes(fields, config));
  SetFamily(*family, config);
  STEER_RETURN_IF_ERROR(ReadNumbers(fields, *family, config));
  STEER_RETURN_IF_ERROR(ReadRope(fields, *family, config));
  STEER_RETURN_IF_ERROR(ReadLayers(fields, *family, config));
  config.tied_head = !file.tensors().Contains("output.weight");
  STEER_RETURN_IF_ERROR(RefuseSwitches(fields));
  STEER_RETURN_IF_ERROR(config.Validate());
  return config;
}

}  // namespace steer

#include "core/model/hf_config.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/model/family.h"
#include "core/model/hf_layers.h"
#include "core/model/json_fields.h"

namespace steer {
namespace {

using Json = nlohmann::json;

absl::Status Unsupported(absl::string_view field, absl::string_view got,
                         absl::string_view allowed) {
  return FieldError(absl::StatusCode::kUnimplemented, {"UNSUPPORTED_MODEL", std::string(field),
                                                       std::string(got), std::string(allowed)});
}

// Fields of real checkpoints that change no number that we compute: notes, training, tokens (the
// tokenizer's files say those) and what the reference keeps for itself. Dropout is for training.
void IgnoreHarmless(JsonFields& fields) {
  fields.Ignore({"_name_or_path", "_commit_hash", "transformers_version", "transformers.js_config",
                 "unsloth_fixed", "unsloth_version", "model_name", "auto_map", "tokenizer_class",
                 "name_or_path"});
  fields.Ignore({"dtype", "torch_dtype", "use_cache", "cache_implementation", "attn_implementation",
                 "_attn_implementation", "_attn_implementation_autoset", "initializer_range",
                 "pretraining_tp", "is_llama_config", "gradient_checkpointing", "torchscript"});
  fields.Ignore({"attention_dropout", "hidden_dropout", "embd_pdrop", "resid_pdrop"});
  fields.Ignore({"bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id"});
  fields.Ignore({"return_dict", "output_attentions", "output_hidden_states", "id2label", "label2id",
                 "problem_type", "chunk_size_feed_forward", "task_specific_params", "is_decoder"});
}

// Switches that all families leave in one position.
absl::Status RefuseSwitches(JsonFields& fields) {
  const std::pair<absl::string_view, Json> kOnly[] = {
      {"quantization_config", nullptr},
      {"is_encoder_decoder", false},
      {"add_cross_attention", false},
      {"use_bidirectional_attention", false},
      {"rope_interleaved", false},
      {"use_mrope", false},
      {"lm_head_bias", false},
      {"interpolate_factor", 1},
      {"full_attn_mod", 1},
  };
  for (const auto& [key, value] : kOnly) STEER_RETURN_IF_ERROR(fields.OnlyAs(key, value));
  return absl::OkStatus();
}

absl::StatusOr<const Family*> FamilyOf(JsonFields& fields) {
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("model_type"));
  for (const Family& family : Families()) {
    if (!type || *type != family.hf_type) continue;
    STEER_ASSIGN_OR_RETURN(const auto classes, fields.Strings("architectures"));
    if (classes && *classes != std::vector<std::string>{std::string(family.hf_class)}) {
      return Unsupported(fields.PathOf("architectures"),
                         classes->empty() ? "an empty list" : Quoted(classes->front()),
                         family.hf_class);
    }
    return &family;
  }
  return Unsupported(fields.PathOf("model_type"), type ? Quoted(*type) : "nothing",
                     absl::StrCat(FamilyNames(), " (gemma3 as gemma3_text, or as gemma3 with it)"));
}

absl::Status ReadSizes(JsonFields& fields, const Family& family, ModelConfig& config) {
  constexpr int64_t kMost = int64_t{1} << 24;
  STEER_ASSIGN_OR_RETURN(config.hidden, fields.Int("hidden_size", std::nullopt, 1, kMost));
  STEER_ASSIGN_OR_RETURN(config.ffn, fields.Int("intermediate_size", std::nullopt, 1, kMost));
  STEER_ASSIGN_OR_RETURN(const int64_t layers,
                         fields.Int("num_hidden_layers", std::nullopt, 1, 1000));
  config.layers = static_cast<int>(layers);
  STEER_ASSIGN_OR_RETURN(config.vocabulary, fields.Int("vocab_size", family.vocabulary, 1, kMost));
  STEER_ASSIGN_OR_RETURN(config.heads, fields.Int("num_attention_heads", family.heads, 1, kMost));
  const bool all = family.kv_heads == 0 || fields.IsNull("num_key_value_heads");
  STEER_ASSIGN_OR_RETURN(
      config.kv_heads,
      fields.Int("num_key_value_heads", all ? config.heads : family.kv_heads, 1, kMost));
  const bool split = family.head_dim == 0 || fields.IsNull("head_dim");
  STEER_ASSIGN_OR_RETURN(
      config.head_dim,
      fields.Int("head_dim", split ? config.hidden / config.heads : family.head_dim, 1, kMost));
  return absl::OkStatus();
}

// A soft cap of a Gemma: left out it is the family's, null is none.
absl::StatusOr<double> SoftCap(JsonFields& fields, absl::string_view key, double family) {
  const bool off = fields.IsNull(key);
  STEER_ASSIGN_OR_RETURN(const std::optional<double> cap, fields.Number(key));
  if (!cap) return off ? 0 : family;
  if (*cap > 0) return *cap;
  return InvalidField(fields.PathOf(key), absl::StrCat(*cap), "a number above 0, or null");
}

absl::Status ReadNumbers(JsonFields& fields, const Family& family, ModelConfig& config) {
  STEER_ASSIGN_OR_RETURN(config.norm_epsilon, fields.Positive("rms_norm_eps", family.epsilon));
  STEER_ASSIGN_OR_RETURN(const std::optional<bool> tied, fields.Bool("tie_word_embeddings"));
  config.tied_head = tied.value_or(family.tied_head);
  config.attention_scale = 1 / std::sqrt(static_cast<double>(config.head_dim));
  if (!family.gemma) return fields.OnlyAs("hidden_act", "silu");
  STEER_RETURN_IF_ERROR(fields.OnlyAs("hidden_activation", "gelu_pytorch_tanh"));
  STEER_RETURN_IF_ERROR(fields.OnlyAs("hidden_act", "gelu_pytorch_tanh"));
  config.norm_offset = 1;
  STEER_ASSIGN_OR_RETURN(const double scalar, fields.Positive("query_pre_attn_scalar", 256));
  config.attention_scale = 1 / std::sqrt(scalar);
  STEER_ASSIGN_OR_RETURN(config.attention_soft_cap,
                         SoftCap(fields, "attn_logit_softcapping", family.attention_soft_cap));
  STEER_ASSIGN_OR_RETURN(config.final_soft_cap,
                         SoftCap(fields, "final_logit_softcapping", family.final_soft_cap));
  return absl::OkStatus();
}

absl::Status ReadBiases(JsonFields& fields, const Family& family, HfConfig& config) {
  if (family.qkv_bias) {
    config.qkv_bias = true;
    fields.Ignore({"attention_bias"});  // the reference does not look at it
    return fields.OnlyAs("mlp_bias", false);
  }
  if (family.name == "mistral" || family.name == "phi3") {
    STEER_RETURN_IF_ERROR(fields.OnlyAs("attention_bias", false));
    return fields.OnlyAs("mlp_bias", false);
  }
  STEER_ASSIGN_OR_RETURN(const std::optional<bool> attention, fields.Bool("attention_bias"));
  config.qkv_bias = config.output_bias = attention.value_or(false);
  if (family.name != "llama" && family.name != "smollm3") return fields.OnlyAs("mlp_bias", false);
  STEER_ASSIGN_OR_RETURN(const std::optional<bool> mlp, fields.Bool("mlp_bias"));
  config.mlp_bias = mlp.value_or(false);
  return absl::OkStatus();
}

absl::StatusOr<HfConfig> ReadText(JsonFields& fields) {
  HfConfig config;
  STEER_ASSIGN_OR_RETURN(const Family* const family, FamilyOf(fields));
  STEER_RETURN_IF_ERROR(RefuseSwitches(fields));
  STEER_RETURN_IF_ERROR(ReadSizes(fields, *family, config.model));
  SetFamily(*family, config.model);
  STEER_RETURN_IF_ERROR(ReadNumbers(fields, *family, config.model));
  STEER_RETURN_IF_ERROR(ReadBiases(fields, *family, config));
  STEER_RETURN_IF_ERROR(ReadLayers(fields, *family, config.model));
  IgnoreHarmless(fields);
  STEER_RETURN_IF_ERROR(fields.RefuseOthers());
  STEER_RETURN_IF_ERROR(config.model.Validate());
  return config;
}

// What stands around the text half of a model that also sees.
absl::Status RefuseOutside(JsonFields& fields) {
  STEER_RETURN_IF_ERROR(
      fields.OnlyAs("architectures", Json::array({"Gemma3ForConditionalGeneration"})));
  STEER_RETURN_IF_ERROR(RefuseSwitches(fields));
  fields.Ignore({"vision_config", "boi_token_index", "eoi_token_index", "image_token_index",
                 "mm_tokens_per_image"});
  STEER_RETURN_IF_ERROR(fields.OnlyAs("tie_word_embeddings", true));
  IgnoreHarmless(fields);
  return fields.RefuseOthers();
}

}  // namespace

absl::StatusOr<HfConfig> ParseHfConfig(absl::string_view json) {
  const Json object = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return InvalidField("config.json", object.is_discarded() ? "no JSON" : "another value",
                        "a JSON object");
  }
  JsonFields fields(object, "");
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("model_type"));
  if (type != "gemma3") return ReadText(fields);
  STEER_ASSIGN_OR_RETURN(std::optional<JsonFields> text, fields.Object("text_config"));
  if (!text) return InvalidField("text_config", "nothing", "an object");
  STEER_RETURN_IF_ERROR(RefuseOutside(fields));
  STEER_ASSIGN_OR_RETURN(HfConfig config, ReadText(*text));
  config.multimodal = true;
  return config;
}

}  // namespace steer

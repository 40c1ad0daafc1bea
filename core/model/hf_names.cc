#include "core/model/hf_names.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/host_tensor.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct Renaming {
  absl::string_view from;
  absl::string_view to;
};

constexpr Renaming kOutside[] = {
    {"embed_tokens.weight", "token_embd.weight"},
    {"norm.weight", "output_norm.weight"},
};
constexpr Renaming kInLayer[] = {
    {"input_layernorm.", "attn_norm."},
    {"self_attn.q_proj.", "attn_q."},
    {"self_attn.k_proj.", "attn_k."},
    {"self_attn.v_proj.", "attn_v."},
    {"self_attn.o_proj.", "attn_output."},
    {"self_attn.qkv_proj.", "attn_qkv."},
    {"self_attn.q_norm.", "attn_q_norm."},
    {"self_attn.k_norm.", "attn_k_norm."},
    {"pre_feedforward_layernorm.", "ffn_norm."},
    {"post_feedforward_layernorm.", "post_ffw_norm."},
    {"mlp.gate_proj.", "ffn_gate."},
    {"mlp.up_proj.", "ffn_up."},
    {"mlp.gate_up_proj.", "ffn_gate_up."},
    {"mlp.down_proj.", "ffn_down."},
};

// "layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight"; nullopt if the name is not known.
std::optional<std::string> InLayer(absl::string_view name, bool post_norms) {
  if (!absl::ConsumePrefix(&name, "layers.")) return std::nullopt;
  const size_t dot = name.find('.');
  int layer = 0;
  if (dot == absl::string_view::npos || !absl::SimpleAtoi(name.substr(0, dot), &layer)) {
    return std::nullopt;
  }
  const std::string block = absl::StrCat("blk.", layer, ".");
  absl::string_view rest = name.substr(dot + 1);
  // The one name that means two things: before the MLP, or behind attention where norms are there.
  if (absl::ConsumePrefix(&rest, "post_attention_layernorm.")) {
    return absl::StrCat(block, post_norms ? "post_attention_norm." : "ffn_norm.", rest);
  }
  for (const Renaming& renaming : kInLayer) {
    if (absl::ConsumePrefix(&rest, renaming.from)) return absl::StrCat(block, renaming.to, rest);
  }
  return std::nullopt;
}

std::string CanonicalName(const std::string& full, const HfConfig& config) {
  absl::string_view name = full;
  if (config.multimodal) {
    // Two ages of one model: "language_model.model.layers" and "model.language_model.layers".
    if (!absl::ConsumePrefix(&name, "model.language_model.")) {
      absl::ConsumePrefix(&name, "language_model.");
      absl::ConsumePrefix(&name, "model.");
    }
  } else {
    absl::ConsumePrefix(&name, "model.");
  }
  if (name == "lm_head.weight") return "output.weight";
  for (const Renaming& renaming : kOutside) {
    if (name == renaming.from) return std::string(renaming.to);
  }
  return InLayer(name, config.model.post_norms).value_or(full);
}

// Not weights of the decoder: frequencies that some old checkpoints carry and the reference
// computes anew, and the eyes of a model that sees.
bool LeftOut(absl::string_view name, bool multimodal) {
  if (absl::EndsWith(name, ".self_attn.rotary_emb.inv_freq")) return true;
  if (!multimodal) return false;
  absl::ConsumePrefix(&name, "model.");
  return absl::StartsWith(name, "vision_tower.") ||
         absl::StartsWith(name, "multi_modal_projector.");
}

struct Part {
  absl::string_view name;
  int64_t rows;
};

// Adds the parts of a fused projection, one below the other, under `block` ("blk.3.").
absl::Status AddParts(const StoredTensor& fused, const std::string& name, absl::string_view block,
                      absl::string_view suffix, std::span<const Part> parts, TensorMap& tensors) {
  int64_t rows = 0;
  for (const Part& part : parts) rows += part.rows;
  if (fused.shape.empty() || fused.shape[0] != rows) {
    return InvalidField(absl::StrCat("tensor ", Quoted(name)),
                        absl::StrCat("shape ", ShapeString(fused.shape)),
                        absl::StrCat(rows, " rows"));
  }
  int64_t begin = 0;
  for (const Part& part : parts) {
    STEER_RETURN_IF_ERROR(
        tensors.Add(absl::StrCat(block, part.name, ".", suffix), Rows(fused, begin, part.rows)));
    begin += part.rows;
  }
  return absl::OkStatus();
}

// Adds one tensor under its canonical name, in parts if it is fused.
absl::Status AddCanonical(const std::string& name, const StoredTensor& tensor,
                          const ModelConfig& config, TensorMap& tensors) {
  const ModelShape shape = config.shape();
  const Part qkv[] = {
      {"attn_q", shape.q_width}, {"attn_k", shape.kv_width}, {"attn_v", shape.kv_width}};
  const Part gate_up[] = {{"ffn_gate", config.ffn}, {"ffn_up", config.ffn}};
  const size_t suffix_at = name.rfind('.');
  const size_t part_at = suffix_at == std::string::npos || suffix_at == 0
                             ? std::string::npos
                             : name.rfind('.', suffix_at - 1);
  if (absl::StartsWith(name, "blk.") && part_at != std::string::npos) {
    const absl::string_view block = absl::string_view(name).substr(0, part_at + 1);
    const absl::string_view part =
        absl::string_view(name).substr(part_at + 1, suffix_at - part_at - 1);
    const absl::string_view suffix = absl::string_view(name).substr(suffix_at + 1);
    if (part == "attn_qkv") return AddParts(tensor, name, block, suffix, qkv, tensors);
    const bool both =
        part == "ffn_gate_up" || (part == "ffn_up" && config.architecture == "phi3" &&
                                  !tensor.shape.empty() && tensor.shape[0] == 2 * config.ffn);
    if (both) return AddParts(tensor, name, block, suffix, gate_up, tensors);
  }
  return tensors.Add(name, tensor);
}

absl::Status CheckBiases(const TensorMap& tensors, const HfConfig& config) {
  struct Expected {
    absl::string_view name;
    bool there;
  };
  const Expected expected[] = {
      {"attn_q.bias", config.qkv_bias},   {"attn_k.bias", config.qkv_bias},
      {"attn_v.bias", config.qkv_bias},   {"attn_output.bias", config.output_bias},
      {"ffn_gate.bias", config.mlp_bias}, {"ffn_up.bias", config.mlp_bias},
      {"ffn_down.bias", config.mlp_bias},
  };
  for (int layer = 0; layer < config.model.layers; ++layer) {
    for (const Expected& one : expected) {
      const std::string name = absl::StrCat("blk.", layer, ".", one.name);
      if (tensors.Contains(name) == one.there) continue;
      return InvalidField(absl::StrCat("tensor ", Quoted(name)),
                          one.there ? "no such tensor" : "a bias",
                          one.there ? "one: config.json says so" : "none: config.json says so");
    }
  }
  return absl::OkStatus();
}

// A head that is tied and stored all the same: the reference uses one of the two, so they are one.
absl::Status CheckTied(const StoredTensor& embedding, const StoredTensor& head) {
  const bool same = embedding.encoding == head.encoding && embedding.shape == head.shape &&
                    std::equal(embedding.bytes.begin(), embedding.bytes.end(), head.bytes.begin(),
                               head.bytes.end());
  if (same) return absl::OkStatus();
  return FieldError(absl::StatusCode::kUnimplemented,
                    {"UNSUPPORTED_MODEL", "lm_head.weight",
                     "other numbers than embed_tokens.weight, with tie_word_embeddings",
                     "the same numbers, or none"});
}

}  // namespace

absl::StatusOr<TensorMap> CanonicalTensors(const TensorMap& source, const HfConfig& config) {
  TensorMap renamed;
  absl::Status status;
  source.ForEach([&](const std::string& name, const StoredTensor& tensor) {
    if (!status.ok() || LeftOut(name, config.multimodal)) return;
    status = AddCanonical(CanonicalName(name, config), tensor, config.model, renamed);
  });
  STEER_RETURN_IF_ERROR(status);
  STEER_RETURN_IF_ERROR(CheckBiases(renamed, config));
  const StoredTensor* const head = renamed.Find("output.weight");
  const StoredTensor* const embedding = renamed.Find("token_embd.weight");
  if (!config.model.tied_head || head == nullptr || embedding == nullptr) return renamed;
  STEER_RETURN_IF_ERROR(CheckTied(*embedding, *head));
  STEER_RETURN_IF_ERROR(renamed.Take("output.weight", head->shape).status());
  return renamed;
}

absl::StatusOr<TensorMap> SplitTensors(const TensorMap& source, const ModelConfig& config) {
  TensorMap split;
  absl::Status status;
  source.ForEach([&](const std::string& name, const StoredTensor& tensor) {
    if (status.ok()) status = AddCanonical(name, tensor, config, split);
  });
  STEER_RETURN_IF_ERROR(status);
  return split;
}

}  // namespace steer

#include "core/model/family.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"

namespace steer {
namespace {

// Sources. Defaults of config.json: the configuration classes of transformers 5.24. What GGUF
// files leave out: llama.cpp's loading of hyperparameters per architecture (src/llama-model.cpp,
// src/models/) at the versions whose converters leave it out; it agrees with the config.json of the
// published models: a window of 4096 on every other layer in Gemma 2 (the first has one), on five
// of six layers in Gemma 3 with a base of 10000 there; queries scaled by hidden / heads in the 27B
// of both (46 and 62 layers; 144 and 168); no rotation in every fourth layer of SmolLM3.
constexpr Family kLlama = {
    .name = "llama",
    .hf_type = "llama",
    .hf_class = "LlamaForCausalLM",
    .vocabulary = 32000,
    .positions = 2048,
};
// A GGUF file of a Mistral model calls itself llama.
constexpr Family kMistral = {
    .name = "mistral",
    .hf_type = "mistral",
    .hf_class = "MistralForCausalLM",
    .gguf = false,
    .vocabulary = 32000,
    .kv_heads = 8,
    .positions = 131072,
    .window = 4096,
};
constexpr Family kQwen2 = {
    .name = "qwen2",
    .hf_type = "qwen2",
    .hf_class = "Qwen2ForCausalLM",
    .vocabulary = 151936,
    .kv_heads = 32,
    .positions = 32768,
    .window = 4096,
    .qkv_bias = true,
};
constexpr Family kQwen3 = {
    .name = "qwen3",
    .hf_type = "qwen3",
    .hf_class = "Qwen3ForCausalLM",
    .vocabulary = 151936,
    .kv_heads = 32,
    .head_dim = 128,
    .positions = 32768,
    .window = 4096,
    .qk_norm = true,
};
constexpr Family kGemma2 = {
    .name = "gemma2",
    .hf_type = "gemma2",
    .hf_class = "Gemma2ForCausalLM",
    .gguf_window = 4096,
    .window_period = 2,
    .layers_scaled_by_width = 46,
    .attention_soft_cap = 50,
    .final_soft_cap = 30,
    .vocabulary = 256000,
    .heads = 8,
    .kv_heads = 4,
    .head_dim = 256,
    .positions = 8192,
    .window = 4096,
    .tied_head = true,
    .gemma = true,
};
constexpr Family kGemma3 = {
    .name = "gemma3",
    .hf_type = "gemma3_text",
    .hf_class = "Gemma3ForCausalLM",
    .window_period = 6,
    .local_theta = 10000,
    .layers_scaled_by_width = 62,
    .vocabulary = 262208,
    .heads = 8,
    .kv_heads = 4,
    .head_dim = 256,
    .positions = 131072,
    .window = 4096,
    .theta = 1000000,
    .tied_head = true,
    .gemma = true,
    .qk_norm = true,
};
constexpr Family kSmolLm3 = {
    .name = "smollm3",
    .hf_type = "smollm3",
    .hf_class = "SmolLM3ForCausalLM",
    .no_rope_period = 4,
    .vocabulary = 128256,
    .heads = 16,
    .kv_heads = 4,
    .positions = 32768,
    .theta = 2000000,
    .tied_head = true,
};
constexpr Family kPhi3 = {
    .name = "phi3",
    .hf_type = "phi3",
    .hf_class = "Phi3ForCausalLM",
    .vocabulary = 32064,
    .positions = 4096,
    .epsilon = 1e-5,
};

constexpr std::array<Family, 8> kFamilies = {kLlama,  kMistral, kQwen2,   kQwen3,
                                             kGemma2, kGemma3,  kSmolLm3, kPhi3};

}  // namespace

std::span<const Family> Families() { return kFamilies; }

const Family* FamilyByName(absl::string_view name) {
  for (const Family& family : kFamilies) {
    if (family.name == name) return &family;
  }
  return nullptr;
}

std::string FamilyNames() {
  std::vector<absl::string_view> names;
  for (const Family& family : kFamilies) names.push_back(family.name);
  return absl::StrJoin(names, ", ");
}

void SetFamily(const Family& family, ModelConfig& config) {
  config.architecture = std::string(family.name);
  config.qk_norm = family.qk_norm;
  if (!family.gemma) return;
  config.post_norms = true;
  config.activation = Activation::kGeluTanh;
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden));
}

}  // namespace steer

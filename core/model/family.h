#pragma once

#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"
#include "core/model/model_config.h"

namespace steer {

// What is known of an architecture that a model's own files leave out: one row per family, in
// family.cc, with its sources.
struct Family {
  absl::string_view name;      // ModelConfig::architecture
  absl::string_view hf_type;   // model_type in config.json
  absl::string_view hf_class;  // its only allowed entry in `architectures`

  // Whether GGUF files of their own architecture exist, and what they say by saying nothing.
  bool gguf = true;
  int gguf_window = 0;             // 0: must be in the file, or there is none
  int window_period = 0;           // all but every n-th layer have a window; 0: all or none
  double local_theta = 0;          // RoPE base of layers with a window; 0: the same
  int no_rope_period = 0;          // every n-th layer does not rotate
  int layers_scaled_by_width = 0;  // the size whose attention scale is (hidden / heads)^-0.5
  double attention_soft_cap = 0;
  double final_soft_cap = 0;

  // What a config.json says by saying nothing: the defaults of transformers' configuration class.
  int64_t vocabulary = 0;
  int64_t heads = 32;
  int64_t kv_heads = 0;  // 0: as many as heads
  int64_t head_dim = 0;  // 0: hidden / heads
  int64_t positions = 0;
  int64_t window = 0;
  double epsilon = 1e-6;
  double theta = 10000;
  bool tied_head = false;

  // Of the family itself.
  bool gemma = false;  // norms behind blocks, scaled embedding, GELU; folders store norms less 1
  bool qk_norm = false;
  bool qkv_bias = false;  // q, k and v have biases without a switch in config.json
};

std::span<const Family> Families();

// nullptr if it is none of ours.
const Family* FamilyByName(absl::string_view name);

// All names, for error messages.
std::string FamilyNames();

// The switches that follow from the family alone.
void SetFamily(const Family& family, ModelConfig& config);

}  // namespace steer

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/files/gguf.h"
#include "core/signal/site.h"

namespace steer {

enum class Activation {
  kSilu,
  kGeluTanh,  // GELU by its tanh approximation
};

// Rotary frequencies: pair i of rotary_dim / 2 turns by position * theta^(-2 i / rotary_dim) /
// divisors[i].
struct RopeConfig {
  double theta = 10000.0;
  std::vector<double> divisors;  // RoPE scaling resolved to numbers; empty: all 1
  double amplitude = 1.0;        // multiplies cosines and sines
  bool operator==(const RopeConfig&) const = default;
};

// What differs from layer to layer.
struct LayerConfig {
  int window = 0;  // a position sees itself and window - 1 before it; 0: all before it
  int rope = 0;    // index into ModelConfig::ropes; -1: no rotation
  bool operator==(const LayerConfig&) const = default;
};

// The layers that keep keys and values equally long: one table of blocks.
struct KvGroup {
  int window = 0;           // as in LayerConfig
  std::vector<int> layers;  // ascending
};

// The numbers that decide every shape and every architectural switch of a decoder. A validated
// value: all are positive and fit together. One decoder serves all families; what a family is
// stands here and nowhere else:
//
//   h = embedding_scale * E[token]
//   a = o(attention(rope(norm?(q x)), rope(norm?(k x)), v x)), x = norm(h)
//   h += post_norms ? norm(a) : a
//   f = down(activation(gate y) * up y), y = norm(h)
//   h += post_norms ? norm(f) : f
//   logits = cap(head norm(h), final_soft_cap), cap(z, c) = c tanh(z / c)
//   attention scores = cap(attention_scale * q k, attention_soft_cap)
struct ModelConfig {
  std::string name;  // as the file calls the model; may be empty
  std::string
      architecture;  // "llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "smollm3", "phi3"
  int layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;    // divides heads
  int64_t head_dim = 0;    // even
  int64_t rotary_dim = 0;  // even, up to head_dim: the first of a head's dimensions turn
  int64_t ffn = 0;
  int64_t vocabulary = 0;
  std::vector<RopeConfig> ropes;           // at least one
  std::vector<LayerConfig> layer_configs;  // one per layer
  double norm_epsilon = 1e-5;
  double norm_offset = 0;         // added to stored norm weights: Gemma's folders store them less 1
  double attention_scale = 0;     // above 0
  double attention_soft_cap = 0;  // 0: none
  double final_soft_cap = 0;      // 0: none
  double embedding_scale = 1;
  Activation activation = Activation::kSilu;
  bool qk_norm = false;     // RMS norm of each head of q and k before they turn
  bool post_norms = false;  // RMS norms behind attention and MLP
  int context_limit = 0;    // positions
  bool tied_head = false;   // the head is the embedding

  ModelShape shape() const;
  // Layers by window, in order of first appearance.
  std::vector<KvGroup> kv_groups() const;

  // INVALID_ARGUMENT names what does not fit together. What the readers below return has passed.
  absl::Status Validate() const;

  // INVALID_ARGUMENT names the key that is missing or out of range, UNIMPLEMENTED an architecture
  // or a feature that this decoder does not have (experts, ALiBi…) or a key whose effect is not
  // known: never a guess. For a config.json see hf_config.h.
  static absl::StatusOr<ModelConfig> FromGguf(const GgufFile& file);
};

}  // namespace steer

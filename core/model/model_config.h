#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "core/files/gguf.h"
#include "core/signal/site.h"

namespace steer {

// The numbers that decide every shape and every architectural switch of a decoder. A validated
// value: all are positive and fit together.
struct ModelConfig {
  std::string name;          // as the file calls the model; may be empty
  std::string architecture;  // "llama"
  int layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;  // divides heads
  int64_t head_dim = 0;  // even
  int64_t ffn = 0;
  int64_t vocabulary = 0;
  double rope_theta = 10000.0;
  double norm_epsilon = 1e-5;
  int context_limit = 0;   // positions
  bool tied_head = false;  // the head is the embedding

  ModelShape shape() const;

  // INVALID_ARGUMENT names the key that is missing or out of range, UNIMPLEMENTED an architecture
  // or a feature that this decoder does not have (RoPE scaling, experts, sliding windows…): never a
  // guess.
  static absl::StatusOr<ModelConfig> FromGguf(const GgufFile& file);
};

}  // namespace steer

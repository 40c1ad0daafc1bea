#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/files/tensor_map.h"
#include "core/model/hf_config.h"

namespace steer {

// The tensors of a Hugging Face folder by the names of GGUF files, in place: fused projections as
// views of their rows, tensors of a model's other halves left out. A tensor of unknown name keeps
// it, so that the decoder, which leaves nothing unused, refuses it by name. INVALID_ARGUMENT if
// biases are not where the config says or a fused projection has another height; UNIMPLEMENTED if
// the head is tied and yet stored as something else.
absl::StatusOr<TensorMap> CanonicalTensors(const TensorMap& source, const HfConfig& config);

// Splits "blk.N.attn_qkv" and the "ffn_up" that holds the gate too, as Phi-3's GGUF files have
// them.
absl::StatusOr<TensorMap> SplitTensors(const TensorMap& source, const ModelConfig& config);

}  // namespace steer

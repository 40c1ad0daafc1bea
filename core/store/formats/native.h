#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "core/signal/signal_data.h"

namespace steer {

// The native container: one safetensors file. `__metadata__` holds
//   format              "control-signal/1"
//   kind                as Name(SignalKind): "vector", "low_rank_affine", …
//   nonlinearity        "identity" | "silu", of a bottleneck; default "identity"
//   model_shape, model_weights   the marks; absent or empty when unmarked
//   default_multiplier  decimal, default "1"
//   default_positions   JSON {"prompt": bool, "generated": bool, "exclude_template_head": bool,
//                       "user_text_only": bool};
//                       default: all tokens
//   reads               JSON {"layers.14.block_out": "mlp_mid", …}; only for sites that do not read
//                       their own input
// and tensors are named <site>.<tensor>: "layers.14.block_out.v", "layers.3.down_proj.A". F16, BF16
// and F64 tensors are widened or narrowed to F32 when read. Unknown metadata keys and tensor names
// are refused by name.

// Any bytes are safe to give. INVALID_ARGUMENT names the key or tensor. What the signal means for a
// model is Validate's to say: only names, types and syntax are looked at here.
absl::StatusOr<SignalData> ParseNative(std::span<const std::byte> file);
// Equal signals, equal bytes. `signal` has passed Validate.
std::string WriteNative(const SignalData& signal);

}  // namespace steer

#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/model_config.h"

namespace steer {

// What a Hugging Face config.json says of a model.
struct HfConfig {
  ModelConfig model;
  // Which projections have biases, in every layer.
  bool qkv_bias = false;
  bool output_bias = false;
  bool mlp_bias = false;
  // The text half of a model that also sees: its other tensors are left out.
  bool multimodal = false;
};

// Reads both the form of transformers 5 (`rope_parameters`) and the older one (`rope_theta`,
// `rope_scaling`). A field that is left out means what transformers' configuration class says.
// INVALID_ARGUMENT names a field that is missing or out of range; UNIMPLEMENTED a family, a feature
// or a value that this decoder does not have, and every field whose effect is not known.
absl::StatusOr<HfConfig> ParseHfConfig(absl::string_view json);

}  // namespace steer

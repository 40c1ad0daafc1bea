#pragma once

#include "absl/status/status.h"
#include "core/model/family.h"
#include "core/model/json_fields.h"
#include "core/model/model_config.h"

namespace steer {

// Reads windows and RoPE: fills rotary_dim, ropes, layer_configs and context_limit of a `config`
// that has its sizes. Errors as ParseHfConfig.
absl::Status ReadLayers(JsonFields& fields, const Family& family, ModelConfig& config);

}  // namespace steer

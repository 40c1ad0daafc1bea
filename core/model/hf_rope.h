#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "core/model/json_fields.h"
#include "core/model/model_config.h"

namespace steer {

// What stands beside the RoPE fields in a config.json and decides what they mean.
struct RopeSurroundings {
  double theta = 0;                 // where the fields do not say
  int64_t rotary_dim = 0;           // half of it is the number of factors
  int64_t positions = 0;            // max_position_embeddings
  std::optional<int64_t> original;  // original_max_position_embeddings beside the fields
  bool longrope = false;            // whether the family has it
};

struct HfRope {
  RopeConfig rope;
  int64_t positions = 0;  // up to which it holds
};

// `fields` is `rope_parameters`, one of its parts or `rope_scaling`; nullopt: nothing is scaled.
// Errors as ParseHfConfig.
absl::StatusOr<HfRope> ReadRope(std::optional<JsonFields> fields,
                                const RopeSurroundings& surroundings);

}  // namespace steer

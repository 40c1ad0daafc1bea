#pragma once

#include <string>

#include "google/protobuf/repeated_ptr_field.h"
#include "steer/v1/common.pb.h"

namespace steer {

// "all tokens", "generated tokens, not the template's head", …
std::string PositionsText(const v1::PositionRule& rule);
// "layers.15.block_out", "layers.0.q_proj and 29 more"; empty for none.
std::string SitesText(const google::protobuf::RepeatedPtrField<std::string>& sites);

}  // namespace steer

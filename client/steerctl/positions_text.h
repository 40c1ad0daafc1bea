#pragma once

#include <string>

#include "steer/v1/common.pb.h"

namespace steer {

// "all tokens", "generated tokens, not the template's head", …
std::string PositionsText(const v1::PositionRule& rule);

}  // namespace steer

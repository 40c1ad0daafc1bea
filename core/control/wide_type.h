#pragma once

#include "c10/core/ScalarType.h"

namespace steer {

// The type in which what must not be rounded is computed, beside values of `type`: fp32, or fp64
// for a model in fp64, by which gradients are checked.
inline at::ScalarType WideType(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace steer

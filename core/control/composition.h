#pragma once

#include "absl/status/status.h"
#include "core/signal/control_set.h"

namespace steer {

// INVALID_ARGUMENT, naming controls[i].signal, if two signals of a request that guarantee something
// of h' (clamp, null-out) meet: at one site, on the same tokens, along directions that are not
// orthogonal. The later would take back what the earlier guarantees, whatever their order. The
// tensors must be there. May throw what torch throws.
absl::Status CheckComposition(const ControlSet& controls);

}  // namespace steer

#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/signal/signal_data.h"

namespace steer {

// How far rows that must be orthonormal may be from it, in every element of W W^T - I: above what
// rounding to BF16 does to them.
inline constexpr double kOrthonormalTolerance = 1e-3;

// The tensors one site of this kind may have: the required ones, then the optional ones.
std::vector<std::string> TensorNames(SignalKind kind);

// UNIMPLEMENTED on `field` for what a published method has beside them: the stochastic part of
// D-ReFT, W_sigma and b_sigma, whose mean is a low-rank affine.
absl::Status CheckServed(SignalKind kind, const std::string& name, const std::string& field);

// INVALID_ARGUMENT, naming the tensor, if one is missing, unknown, of the wrong shape for `shape`,
// not F32, not finite, or not what its kind demands: orthonormal rows, a w that is not 0, one of
// S_k and S_v. The place must be one where the kind can stand.
absl::Status CheckTensors(SignalKind kind, const SiteUpdate& update, const ModelShape& shape);

}  // namespace steer

#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/analysis/manifold.h"

namespace steer {

// Mean and covariance of activations, gathered in fp64 on the device they lie on. Memory does not
// grow with their number. Not thread-safe.
class ActivationMoments {
 public:
  void Add(const at::Tensor& rows);  // [n, hidden], n of at least 1

  int64_t count() const { return count_; }
  at::Tensor Mean() const;        // [hidden]
  at::Tensor Covariance() const;  // [hidden, hidden]

 private:
  int64_t count_ = 0;
  at::Tensor origin_;   // near the mean, so that little cancels; [hidden]
  at::Tensor sum_;      // of rows - origin; [hidden]
  at::Tensor scatter_;  // of rows - origin; [hidden, hidden]
};

// The plane near which activations lie, in fp64 on their device.
struct PrincipalSubspace {
  ComponentCount size;
  at::Tensor mean;   // [hidden]
  at::Tensor basis;  // [hidden, components], orthonormal: P = basis basis^T
};

// Decomposes on the host, on the calling thread: a moment for a thousand dimensions, and that to
// the third power. The errors of CountComponents.
absl::StatusOr<PrincipalSubspace> FindSubspace(const ActivationMoments& moments,
                                               const SubspaceSize& size);

// `h` [strengths, tokens, hidden], of which the first is the plain model's; the answer likewise.
std::vector<std::vector<TokenShift>> ShiftsFrom(const PrincipalSubspace& plane,
                                                const at::Tensor& h);

}  // namespace steer

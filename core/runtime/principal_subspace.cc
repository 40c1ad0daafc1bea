#include "core/runtime/principal_subspace.h"

#include <cstddef>
#include <span>
#include <utility>

#include "ATen/ATen.h"
#include "core/base/catch_torch.h"
#include "core/base/status_macros.h"

namespace steer {

void ActivationMoments::Add(const at::Tensor& rows) {
  at::Tensor x = rows.to(at::kDouble);
  if (count_ == 0) {
    origin_ = x.mean(0);
    sum_ = at::zeros_like(origin_);
    scatter_ = at::zeros({x.size(1), x.size(1)}, x.options());
  }
  x = x - origin_;
  sum_ += x.sum(0);
  scatter_.addmm_(x.t(), x);
  count_ += x.size(0);
}

at::Tensor ActivationMoments::Mean() const { return origin_ + sum_ / static_cast<double>(count_); }

// E[(x - o)(x - o)^T] - E[x - o] E[x - o]^T
at::Tensor ActivationMoments::Covariance() const {
  const at::Tensor offset = sum_ / static_cast<double>(count_);
  return scatter_ / static_cast<double>(count_) - at::outer(offset, offset);
}

absl::StatusOr<PrincipalSubspace> FindSubspace(const ActivationMoments& moments,
                                               const SubspaceSize& size) {
  return CatchTorch("principal components", [&]() -> absl::StatusOr<PrincipalSubspace> {
    const auto [ascending, directions] = at::linalg_eigh(moments.Covariance().to(at::kCPU));
    // What rounding left below 0 is none.
    const at::Tensor variances = ascending.flip(0).clamp_min(0).contiguous();
    PrincipalSubspace plane;
    STEER_ASSIGN_OR_RETURN(plane.size, CountComponents(size,
                                                       {variances.data_ptr<double>(),
                                                        static_cast<size_t>(variances.numel())},
                                                       moments.count()));
    plane.mean = moments.Mean();
    plane.basis = directions.flip(1).narrow(1, 0, plane.size.components).to(plane.mean.device());
    return plane;
  });
}

std::vector<std::vector<TokenShift>> ShiftsFrom(const PrincipalSubspace& plane,
                                                const at::Tensor& h) {
  const at::Tensor plain = h[0].to(at::kDouble);  // [tokens, hidden]
  std::vector<std::vector<TokenShift>> all;
  for (int64_t s = 0; s < h.size(0); ++s) {
    const at::Tensor own = h[s].to(at::kDouble);
    const at::Tensor from_mean = own - plane.mean;
    // Subtracted before the norm is taken: a difference of squares would lose half of the digits.
    const at::Tensor beside = from_mean - from_mean.matmul(plane.basis).matmul(plane.basis.t());
    const at::Tensor change = own - plain;
    const at::Tensor numbers = at::stack({own.norm(2, 1), beside.norm(2, 1), change.norm(2, 1),
                                          change.matmul(plane.basis).norm(2, 1)},
                                         1)
                                   .to(at::kCPU)
                                   .contiguous();  // [tokens, 4]
    std::vector<TokenShift>& shifts = all.emplace_back();
    const auto* row = numbers.data_ptr<double>();
    for (int64_t token = 0; token < numbers.size(0); ++token, row += 4)
      shifts.push_back({.norm = row[0], .distance = row[1], .change = row[2], .inside = row[3]});
  }
  return all;
}

}  // namespace steer

#include "core/learn/objective.h"

#include <cmath>
#include <tuple>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "core/base/overloaded.h"

namespace steer {
namespace {

at::Tensor Means(const at::Tensor& log_probs, const at::Tensor& tokens) {
  return -(log_probs / tokens);  // [pairs]
}

// -log sigmoid(x), averaged.
at::Tensor LogisticLoss(const at::Tensor& x) { return -at::log_sigmoid(x).mean(); }

// `winning`, `losing`: L_p and L_n, and the same of the plain model; [] or [pairs].
at::Tensor SplitOf(const SplitParams& params, const at::Tensor& winning, const at::Tensor& losing,
                   const at::Tensor& plain_winning, const at::Tensor& plain_losing) {
  at::Tensor loss = params.lambda_p * winning + params.lambda_n * losing +
                    params.gamma * at::relu(params.theta - (losing - winning));
  if (params.reference_weight > 0) {
    loss = loss + params.reference_weight *
                      (at::relu(winning - plain_winning) + at::relu(losing - plain_losing));
  }
  return loss;
}

at::Tensor SplitLoss(const SplitParams& params, const PairLogProbs& pairs) {
  const auto mean = params.per_pair ? &Means : &PooledLoss;
  at::Tensor plain_winning, plain_losing;
  if (params.reference_weight > 0) {
    plain_winning = mean(pairs.plain_winning, pairs.winning_tokens);
    plain_losing = mean(pairs.plain_losing, pairs.losing_tokens);
  }
  return SplitOf(params, mean(pairs.winning, pairs.winning_tokens),
                 mean(pairs.losing, pairs.losing_tokens), plain_winning, plain_losing)
      .mean();
}

at::Tensor RepsLoss(const RepsParams& params, const PairLogProbs& pairs) {
  const at::Tensor k = (params.kappa * (pairs.plain_losing - pairs.plain_winning)).clamp_min(1);
  return LogisticLoss(params.beta * (k / pairs.winning_tokens * pairs.winning -
                                     pairs.losing / pairs.losing_tokens));
}

// By how much more a pair's winner leads than in the plain model.
at::Tensor Lead(const PairLogProbs& pairs) {
  return pairs.winning - pairs.losing - pairs.plain_winning + pairs.plain_losing;  // [pairs]
}

at::Tensor DpoLoss(const DpoParams& params, const PairLogProbs& pairs) {
  if (!params.hardness_aware) return LogisticLoss(params.beta * Lead(pairs));
  return LogisticLoss(HardnessBetas(params.beta, pairs) * Lead(pairs));
}

at::Tensor SimpoLoss(const SimpoParams& params, const PairLogProbs& pairs) {
  const at::Tensor loss = LogisticLoss(
      params.beta * (pairs.winning / pairs.winning_tokens - pairs.losing / pairs.losing_tokens) -
      params.margin);
  return params.l1 > 0 ? loss + params.l1 * pairs.shift.mean() : loss;
}

}  // namespace

at::Tensor HardnessBetas(double beta, const PairLogProbs& pairs) {
  const at::NoGradGuard no_grad;
  constexpr double kNearZero = 1e-12;
  at::Tensor gaps = beta * Lead(pairs);
  at::Tensor unit = gaps.mean();
  if (std::abs(unit.item<double>()) < kNearZero) unit = gaps.abs().mean().clamp_min(kNearZero);
  gaps = std::get<0>((gaps / unit).sort());
  const int64_t count = gaps.size(0);
  const at::Tensor trimmed = count < 3 ? gaps : gaps.narrow(0, 1, count - 2);
  const at::Tensor eta = trimmed.mean().sigmoid() / gaps.mean().sigmoid();
  const at::Tensor lambda = pairs.distance.sigmoid() / pairs.distance.mean().sigmoid();
  return (beta * eta * lambda).clamp_min(1e-6);  // [pairs]
}

at::Tensor PooledLoss(const at::Tensor& log_probs, const at::Tensor& tokens) {
  return -(log_probs.sum() / tokens.sum());
}

at::Tensor Loss(const Objective& objective, const PairLogProbs& pairs) {
  return std::visit(
      Overloaded{[&](const SftParams&) { return PooledLoss(pairs.winning, pairs.winning_tokens); },
                 [&](const SplitParams& params) { return SplitLoss(params, pairs); },
                 [&](const RepsParams& params) { return RepsLoss(params, pairs); },
                 [&](const DpoParams& params) { return DpoLoss(params, pairs); },
                 [&](const SimpoParams& params) { return SimpoLoss(params, pairs); },
                 [&](const CdasParams&) { return pairs.divergence.mean(); }},
      objective);
}

}  // namespace steer

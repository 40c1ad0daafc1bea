#include "core/learn/objective.h"

#include "ATen/ATen.h"
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

at::Tensor DpoLoss(const DpoParams& params, const PairLogProbs& pairs) {
  return LogisticLoss(params.beta *
                      (pairs.winning - pairs.losing - pairs.plain_winning + pairs.plain_losing));
}

at::Tensor SimpoLoss(const SimpoParams& params, const PairLogProbs& pairs) {
  return LogisticLoss(
      params.beta * (pairs.winning / pairs.winning_tokens - pairs.losing / pairs.losing_tokens) -
      params.margin);
}

}  // namespace

at::Tensor PooledLoss(const at::Tensor& log_probs, const at::Tensor& tokens) {
  return -(log_probs.sum() / tokens.sum());
}

at::Tensor Loss(const Objective& objective, const PairLogProbs& pairs) {
  return std::visit(
      Overloaded{[&](const SftParams&) { return PooledLoss(pairs.winning, pairs.winning_tokens); },
                 [&](const SplitParams& params) { return SplitLoss(params, pairs); },
                 [&](const RepsParams& params) { return RepsLoss(params, pairs); },
                 [&](const DpoParams& params) { return DpoLoss(params, pairs); },
                 [&](const SimpoParams& params) { return SimpoLoss(params, pairs); }},
      objective);
}

}  // namespace steer

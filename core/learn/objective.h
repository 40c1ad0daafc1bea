#pragma once

#include "ATen/core/Tensor.h"
#include "core/learn/training_params.h"

namespace steer {

// Of n pairs, [n] each. What an objective does not need may be undefined.
struct PairLogProbs {
  at::Tensor winning, losing;                // sums of the log-probabilities of an answer's tokens
  at::Tensor winning_tokens, losing_tokens;  // how many there are
  at::Tensor plain_winning, plain_losing;    // the same sums in the plain model, without gradient
  at::Tensor distance;                       // of the two answers, 0 .. 2
  at::Tensor shift;                          // |v| of a feature shift; see SimpoParams
  at::Tensor divergence;                     // of an interchange, in nats, 0 .. log 2
};

// Scalar, differentiable in `winning`, `losing`, `shift` and `divergence`.
at::Tensor Loss(const Objective& objective, const PairLogProbs& pairs);

// What DPO's beta is for each pair (HaRS, arXiv 2511.18740), without gradient:
//   beta_i = max(1e-6, beta eta lambda_i),  lambda_i = sigma(d_i) / sigma(mean d),
//   eta = sigma(trimmed mean g) / sigma(mean g)
// with distances d, and g the gaps beta (s(w) - s(l) - s_plain(w) + s_plain(l)) divided by their
// mean, or by the mean of |g| where that is 0; trimmed of the least and the largest of three and
// more. Equal distances and gaps give beta itself.
at::Tensor HardnessBetas(double beta, const PairLogProbs& pairs);

// The pooled mean loss of some answers, in nats per token.
at::Tensor PooledLoss(const at::Tensor& log_probs, const at::Tensor& tokens);

}  // namespace steer

#pragma once

#include "ATen/core/Tensor.h"
#include "core/learn/training_params.h"

namespace steer {

// Of n pairs, [n] each. What an objective does not need may be undefined.
struct PairLogProbs {
  at::Tensor winning, losing;                // sums of the log-probabilities of an answer's tokens
  at::Tensor winning_tokens, losing_tokens;  // how many there are
  at::Tensor plain_winning, plain_losing;    // the same sums in the plain model, without gradient
};

// Scalar, differentiable in `winning` and `losing`.
at::Tensor Loss(const Objective& objective, const PairLogProbs& pairs);

// The pooled mean loss of some answers, in nats per token.
at::Tensor PooledLoss(const at::Tensor& log_probs, const at::Tensor& tokens);

}  // namespace steer

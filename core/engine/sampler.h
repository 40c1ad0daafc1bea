#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/types.h"
#include "core/engine/adjusted_logits.h"
#include "core/schedule/event.h"
#include "core/schedule/sampling_params.h"

namespace steer {

struct Sample {
  TokenId token = 0;
  float log_prob = 0;  // of the raw distribution, log-softmax in fp32
  TopLogProbs top;     // params.top_log_probs likeliest of the raw distribution
};

// Draws one token from a row of logits. Pure: equal (logits, params, history, position) give equal
// tokens, whatever else is in the batch; the random number comes from a counter-based generator
// keyed by (seed, position, completion). Greedy takes the lowest id among equals.
//
// In this order:
//   repetition penalty r on tokens of prompt or output: z / r where z > 0, else z r
//   presence and frequency penalty on tokens of the output: z - presence - frequency * count
//   bias: z + bias; below min_tokens, end tokens (unless ignore_eos) and stop tokens are impossible
//   temperature; top-k (the lowest ids among equals)
//   top-p: the smallest set of likeliest tokens whose share of what top-k left reaches top_p
//   min-p: what has at least min_p of the likeliest token's probability
// At least one token is left: bans that would leave none are not applied. Thread-safe.
//
// A NaN logit counts as -inf. If no logit is finite or one is +inf there is no distribution: the
// answer is then the lowest id among the greatest with log_prob NaN, and the caller makes an error
// of it. `logits` has at least one element.
Sample SampleToken(std::span<const float> logits, const SamplingParams& params,
                   const TokenHistory& history, int position);

// What a draw chooses from, in proportion to the weights.
struct Candidates {
  std::vector<TokenId> ids;    // in the order in which a draw walks; empty: all, by id
  std::vector<float> weights;  // by token, the likeliest one's is 1; 0 = impossible
};

// What temperature, top-k, top-p and min-p leave of a row whose greatest logit `max` is finite.
// `params.temperature` is not 0.
Candidates CandidatesOf(std::span<const float> logits, float max, const SamplingParams& params);

// The `count` likeliest tokens of softmax(logits), impossible ones not among them; fewer if there
// are fewer, none without a distribution.
TopLogProbs LikeliestTokens(std::span<const float> logits, int count);

// log p(token) under softmax(logits), computed in fp32 with a fp64 sum; NaN logits and rows without
// a distribution as above.
double LogProb(std::span<const float> logits, TokenId token);

}  // namespace steer

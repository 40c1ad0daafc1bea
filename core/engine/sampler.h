#pragma once

#include <cstdint>
#include <span>

#include "core/base/types.h"
#include "core/schedule/sampling_params.h"

namespace steer {

struct Sample {
  TokenId token = 0;
  float log_prob = 0;  // of the raw distribution, log-softmax in fp32
};

// Draws one token from a row of logits. Pure: equal (logits, params, position) give equal tokens,
// whatever else is in the batch; the random number comes from a counter-based generator keyed by
// (seed, position). Greedy takes the lowest id among equals. Temperature, then top-k (the lowest
// ids among equals), then top-p: the smallest set of likeliest tokens whose share of what top-k
// left reaches top_p, at least one. Thread-safe.
//
// A NaN logit counts as -inf. If no logit is finite or one is +inf there is no distribution: the
// answer is then the lowest id among the greatest with log_prob NaN, and the caller makes an error
// of it. `logits` has at least one element.
Sample SampleToken(std::span<const float> logits, const SamplingParams& params, int position);

// log p(token) under softmax(logits), computed in fp32 with a fp64 sum; NaN logits and rows without
// a distribution as above.
double LogProb(std::span<const float> logits, TokenId token);

}  // namespace steer

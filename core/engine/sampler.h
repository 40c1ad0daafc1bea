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
// (seed, position). Greedy takes the lowest id among equals. Thread-safe.
Sample SampleToken(std::span<const float> logits, const SamplingParams& params, int position);

// log p(token) under softmax(logits), computed in fp32 with a fp64 sum.
double LogProb(std::span<const float> logits, TokenId token);

}  // namespace steer

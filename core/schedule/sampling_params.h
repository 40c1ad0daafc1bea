#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/types.h"

namespace steer {

// How a token is drawn. Order: penalties, bias, temperature, top-k, top-p, min-p. Reported
// log-probabilities are of the raw distribution.
struct SamplingParams {
  int max_tokens = 128;      // 1 or more; of the whole answer, a resumed part included
  int min_tokens = 0;        // 0 .. max_tokens: no end token, stop token or stop string before
  double temperature = 1.0;  // 0 = greedy; 0 .. 100
  int top_k = 0;             // 0 = all
  double top_p = 1.0;        // (0, 1]
  double min_p = 0.0;        // 0 .. 1: share of the likeliest token's probability
  double repetition_penalty = 1.0;       // (0, 10]; tokens of prompt and answer
  double presence_penalty = 0.0;         // -2 .. 2; tokens of the answer
  double frequency_penalty = 0.0;        // -2 .. 2; times their number in the answer
  std::map<TokenId, double> logit_bias;  // -100 .. 100; at most 1024
  uint64_t seed = 0;                     // chosen by admission when the request has none
  int completion = 0;                    // of n: a stream of random numbers of its own; 0 .. 15
  std::vector<std::string> stop;  // at most 16, each 1 .. 256 bytes; the text ends before the match
  std::vector<TokenId> stop_tokens;     // at most 64
  bool ignore_eos = false;              // the model's end tokens do not end the answer
  bool log_probs = false;               // attach the chosen token's log-probability
  int top_log_probs = 0;                // 0 .. 20 alternatives with each token
  std::optional<int> prompt_log_probs;  // 0 .. 20 alternatives with each token of the prompt
};

// INVALID_ARGUMENT names the field below `field` ("sampling.top_p"), the value and the allowed
// range. NaN is out of range. Token ids are checked against 0 .. `vocabulary` - 1.
absl::Status Validate(const SamplingParams& params, int64_t vocabulary);

}  // namespace steer

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace steer {

// How a token is drawn. Order: temperature, top-k, top-p. Reported log-probabilities are of the raw
// distribution.
struct SamplingParams {
  int max_tokens = 128;           // 1 or more
  double temperature = 1.0;       // 0 = greedy; 0 .. 100
  int top_k = 0;                  // 0 = all
  double top_p = 1.0;             // (0, 1]
  uint64_t seed = 0;              // chosen by admission when the request has none
  std::vector<std::string> stop;  // at most 16, each 1 .. 256 bytes; the text ends before the match
  bool log_probs = false;         // attach the chosen token's log-probability
};

// INVALID_ARGUMENT names the field below `field` ("sampling.top_p"), the value and the allowed
// range. NaN is out of range.
absl::Status Validate(const SamplingParams& params);

}  // namespace steer

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/base/types.h"
#include "core/schedule/sampling_params.h"

namespace steer {

// What a draw looks back on. Every id is below the number of logits.
struct TokenHistory {
  std::span<const TokenId> prompt;
  std::span<const TokenId> output;      // the answer so far, a resumed part included
  std::span<const TokenId> end_tokens;  // of the model
};

// The row after penalties, bias and bans, in the order that sampler.h states; nullopt if none of
// them is on, so that most draws copy nothing. What is finite stays finite unless it is banned.
// Bans that would leave nothing possible are not applied: the answer then goes on after a token
// that would have ended it.
std::optional<std::vector<float>> AdjustedLogits(std::span<const float> logits,
                                                 const SamplingParams& params,
                                                 const TokenHistory& history);

}  // namespace steer

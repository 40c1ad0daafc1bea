#pragma once

#include <map>
#include <random>
#include <set>
#include <vector>

#include "core/engine/sampler.h"

namespace steer {

inline std::vector<float> RandomLogits(int size, uint32_t seed, float spread) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

// How often each token comes at the positions 0 .. `draws` - 1.
inline std::map<TokenId, int> Count(const std::vector<float>& logits, const SamplingParams& params,
                                    int draws, const TokenHistory& history = {}) {
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[SampleToken(logits, params, history, i).token];
  return counts;
}

inline std::set<TokenId> Support(const std::map<TokenId, int>& counts) {
  std::set<TokenId> support;
  for (const auto& [token, count] : counts) support.insert(token);
  return support;
}

}  // namespace steer

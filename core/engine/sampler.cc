#include "core/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/engine/philox.h"

namespace steer {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// NaN counts as -inf; also keeps comparisons a strict order.
float Clean(float logit) { return std::isnan(logit) ? -kInfinity : logit; }

// The greatest logit's lowest id.
TokenId ArgMax(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    if (Clean(logits[i]) > Clean(logits[best])) best = i;
  }
  return static_cast<TokenId>(best);
}

// log sum exp(logit - max), at least 0 because the greatest contributes 1.
double LogSum(std::span<const float> logits, float max) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(Clean(logit) - max);
  return std::log(sum);
}

// Uniform in [0, 1), 53 bits.
double Uniform(uint64_t seed, int position) {
  const auto words = Philox4x32({static_cast<uint32_t>(position), 0, 0, 0},
                                {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint64_t bits = (uint64_t{words[0]} << 32 | words[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

struct Candidate {
  TokenId token = 0;
  float logit = 0;
  double weight = 0;  // exp((logit - max) / temperature)
};

bool Likelier(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

// Moves the `count` likeliest candidates to the front of [begin, end), sorted.
void SortFront(std::span<Candidate> candidates, size_t count) {
  if (count < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + count, candidates.end(), Likelier);
  }
  std::sort(candidates.begin(), candidates.begin() + count, Likelier);
}

// Keeps the smallest set of likeliest candidates whose weight reaches top_p of all. Sorts no more
// of them than it needs: the nucleus is nearly always a small part of the vocabulary.
void KeepNucleus(std::vector<Candidate>& candidates, double top_p) {
  double total = 0;
  for (const Candidate& candidate : candidates) total += candidate.weight;
  double mass = 0;
  size_t kept = 0;
  size_t sorted = 0;
  while (kept < candidates.size()) {
    if (kept == sorted) {
      const size_t more = std::min(std::max<size_t>(64, 3 * sorted), candidates.size() - sorted);
      SortFront(std::span(candidates).subspan(sorted), more);
      sorted += more;
    }
    mass += candidates[kept++].weight;
    if (mass >= top_p * total) break;
  }
  candidates.resize(kept);
}

TokenId Draw(const std::vector<Candidate>& candidates, double uniform) {
  double total = 0;
  for (const Candidate& candidate : candidates) total += candidate.weight;
  double left = uniform * total;
  TokenId last = candidates.front().token;
  for (const Candidate& candidate : candidates) {
    if (candidate.weight == 0) continue;
    last = candidate.token;
    left -= candidate.weight;
    if (left < 0) break;
  }
  return last;  // rounding may leave a little at the end: it belongs to the last possible token
}

}  // namespace

Sample SampleToken(std::span<const float> logits, const SamplingParams& params, int position) {
  Sample sample;
  sample.token = ArgMax(logits);
  const float max = Clean(logits[sample.token]);
  if (std::isinf(max)) {
    sample.log_prob = std::numeric_limits<float>::quiet_NaN();
    return sample;
  }
  if (params.temperature > 0) {
    std::vector<Candidate> candidates(logits.size());
    for (size_t i = 0; i < logits.size(); ++i) {
      const float logit = Clean(logits[i]);
      // Divided in fp64: a tiny temperature must not become 0.
      const double exponent = static_cast<double>(logit - max) / params.temperature;
      candidates[i] = {static_cast<TokenId>(i), logit, std::exp(static_cast<float>(exponent))};
    }
    if (params.top_k > 0 && static_cast<size_t>(params.top_k) < candidates.size()) {
      SortFront(candidates, params.top_k);
      candidates.resize(params.top_k);
    }
    if (params.top_p < 1) KeepNucleus(candidates, params.top_p);
    sample.token = Draw(candidates, Uniform(params.seed, position));
  }
  const float logit = Clean(logits[sample.token]);
  sample.log_prob = static_cast<float>(static_cast<double>(logit - max) - LogSum(logits, max));
  return sample;
}

double LogProb(std::span<const float> logits, TokenId token) {
  const float max = Clean(logits[ArgMax(logits)]);
  if (std::isinf(max)) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(Clean(logits[token]) - max) - LogSum(logits, max);
}

}  // namespace steer

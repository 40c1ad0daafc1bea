#include "core/engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "core/base/philox.h"

namespace steer {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Sums and maxima over a vocabulary keep this many independent lanes: the compiler may not reorder
// a single one.
constexpr size_t kLanes = 8;

// Up to so many likeliest tokens are found by insertion, more by sorting.
constexpr size_t kFew = 64;

// NaN counts as -inf; also keeps comparisons a strict order.
float Clean(float logit) { return std::isnan(logit) ? -kInfinity : logit; }

// exp(x) for -87 <= x <= 0 to about one unit in the last place; 0 for anything less, -inf and NaN.
// x = n log 2 + r, then 2^n times a polynomial in r (the coefficients of Cephes' expf). Unlike of
// std::exp the compiler makes vectors of a loop of it, which is most of a draw's time; that is why
// the range is tested on the bits, since a float comparison may trap.
float Exp(float x) {
  const uint32_t magnitude = std::bit_cast<uint32_t>(x) & 0x7FFFFFFFU;
  const uint32_t in_range = magnitude <= std::bit_cast<uint32_t>(87.0f) ? 0xFFFFFFFFU : 0U;
  const float rounder = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float safe = std::bit_cast<float>(std::bit_cast<uint32_t>(x) & in_range);
  const float n = (safe * 1.44269504f + rounder) - rounder;
  const float r = (safe - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const float power =
      std::bit_cast<float>(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23U);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p * power) & in_range);
}

// The greatest logit's lowest id; 0 if there is only NaN.
TokenId ArgMax(std::span<const float> logits) {
  std::array<float, kLanes> greatest;
  greatest.fill(-kInfinity);
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float logit = logits[i + lane];  // NaN loses every comparison
      greatest[lane] = logit > greatest[lane] ? logit : greatest[lane];
    }
  }
  float max = *std::max_element(greatest.begin(), greatest.end());
  for (; i < logits.size(); ++i) max = std::max(max, Clean(logits[i]));
  const auto found = std::find(logits.begin(), logits.end(), max);
  return found == logits.end() ? 0 : static_cast<TokenId>(found - logits.begin());
}

// exp(scale (logit - max)) of each logit.
std::vector<float> Weights(std::span<const float> logits, float max, double scale) {
  std::vector<float> weights(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    weights[i] = Exp(static_cast<float>(scale * (logits[i] - max)));
  }
  return weights;
}

double Sum(std::span<const float> values) {
  std::array<double, kLanes> sums = {};
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += values[i + lane];
  }
  for (; i < values.size(); ++i) sums[0] += values[i];
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Uniform in [0, 1), 53 bits.
double Uniform(const SamplingParams& params, int position) {
  const auto words =
      Philox4x32({static_cast<uint32_t>(position), static_cast<uint32_t>(params.completion), 0, 0},
                 {static_cast<uint32_t>(params.seed), static_cast<uint32_t>(params.seed >> 32U)});
  const uint64_t bits = (uint64_t{words[0]} << 32U | words[1]) >> 11U;
  return static_cast<double>(bits) * 0x1p-53;
}

// The `count` likeliest of the possible ids, sorted; the lowest first among equals. One pass that
// hardly ever inserts, which pays while `count` is small.
std::vector<TokenId> Likeliest(std::span<const float> logits, size_t count) {
  std::vector<TokenId> best;
  float bar = -kInfinity;  // NaN does not pass it either
  for (size_t i = 0; i < logits.size() && count > 0; ++i) {
    if (!(logits[i] > bar)) continue;
    const auto place =
        std::upper_bound(best.begin(), best.end(), logits[i],
                         [logits](float logit, TokenId id) { return logit > logits[id]; });
    best.insert(place, static_cast<TokenId>(i));
    if (best.size() > count) best.pop_back();
    if (best.size() == count) bar = logits[best.back()];
  }
  return best;
}

// Moves at least the `count` likeliest ids to the front, sorted; the lowest first among equals.
void SortFront(std::span<TokenId> ids, std::span<const float> logits, size_t count) {
  const auto likelier = [logits](TokenId a, TokenId b) {
    const float logit_a = Clean(logits[a]);
    const float logit_b = Clean(logits[b]);
    return logit_a != logit_b ? logit_a > logit_b : a < b;
  };
  // Looking for few is one pass with a small heap; for many a heap is slower than sorting all.
  if (count <= ids.size() / 8) {
    std::partial_sort(ids.begin(), ids.begin() + count, ids.end(), likelier);
  } else {
    std::sort(ids.begin(), ids.end(), likelier);
  }
}

// Eight buckets to each power of two; weights are 0 or between exp(-87) and 1.
constexpr size_t kBuckets = (0x3F800000U >> 20U) + 1;
size_t Bucket(float weight) { return std::bit_cast<uint32_t>(weight) >> 20U; }

// The smallest set of likeliest ids whose weight reaches top_p of all of `ids`. Sorts little more
// than that: how much weight lies in each bucket tells which tokens cannot be among them.
void KeepNucleus(std::vector<TokenId>& ids, std::span<const float> logits,
                 std::span<const float> weights, double top_p) {
  double total = 0;
  std::array<double, kBuckets> masses = {};
  for (const TokenId id : ids) {
    total += weights[id];
    masses[Bucket(weights[id])] += weights[id];
  }
  size_t lowest = kBuckets;
  double mass = 0;
  while (lowest > 0 && mass < top_p * total) mass += masses[--lowest];
  // One more, since neither sums nor exponentials are exact.
  lowest -= lowest > 0 ? 1 : 0;
  std::erase_if(ids, [&](TokenId id) { return Bucket(weights[id]) < lowest; });
  SortFront(ids, logits, ids.size());
  mass = 0;
  size_t kept = 0;
  while (kept < ids.size() && mass < top_p * total) mass += weights[ids[kept++]];
  ids.resize(kept);
}

// In proportion to the weights.
TokenId Draw(const Candidates& candidates, double uniform) {
  const auto& [ids, weights] = candidates;
  double total = 0;
  if (ids.empty()) total = Sum(weights);
  for (const TokenId id : ids) total += weights[id];
  double left = uniform * total;
  TokenId drawn = 0;
  const size_t count = ids.empty() ? weights.size() : ids.size();
  for (size_t i = 0; i < count; ++i) {
    const TokenId id = ids.empty() ? static_cast<TokenId>(i) : ids[i];
    if (weights[id] == 0) continue;
    drawn = id;  // rounding may leave a little at the end: it belongs to the last possible token
    left -= weights[id];
    if (left < 0) break;
  }
  return drawn;
}

// log of the sum of exp(logit - max): the greatest logit contributes 1, so it is finite.
double LogSum(std::span<const float> logits, float max) {
  return std::log(Sum(Weights(logits, max, 1.0)));
}

// log softmax(logits)[token]
double LogSoftmax(std::span<const float> logits, float max, double log_sum, TokenId token) {
  return static_cast<double>(Clean(logits[token]) - max) - log_sum;
}

TopLogProbs Alternatives(std::span<const float> logits, float max, double log_sum, int count) {
  TopLogProbs top;
  for (const TokenId id : Likeliest(logits, static_cast<size_t>(std::max(count, 0)))) {
    const auto log_prob = static_cast<float>(LogSoftmax(logits, max, log_sum, id));
    if (std::isfinite(log_prob)) top.push_back({.token = id, .log_prob = log_prob});
  }
  return top;
}

}  // namespace

Candidates CandidatesOf(std::span<const float> logits, float max, const SamplingParams& params) {
  // Finite, because the greatest logit's 0 times it must be 0 at the smallest temperature, too.
  const double scale = std::min(1 / params.temperature, 1e300);
  Candidates candidates{.ids = {}, .weights = Weights(logits, max, scale)};
  auto& [ids, weights] = candidates;
  const auto top_k = static_cast<size_t>(params.top_k);
  if (top_k > 0 && top_k <= kFew) {
    ids = Likeliest(logits, top_k);
  } else if (params.top_p < 1 || (top_k > 0 && top_k < logits.size())) {
    ids.resize(logits.size());
    std::iota(ids.begin(), ids.end(), 0);
    if (top_k > 0 && top_k < ids.size()) {
      SortFront(ids, logits, top_k);
      ids.resize(top_k);
    }
  }
  if (params.top_p < 1) KeepNucleus(ids, logits, weights, params.top_p);
  if (params.min_p > 0) {
    // The likeliest token is always left and weighs 1.
    for (float& weight : weights) weight = weight >= params.min_p ? weight : 0;
  }
  return candidates;
}

Sample SampleToken(std::span<const float> logits, const SamplingParams& params,
                   const TokenHistory& history, int position) {
  Sample sample;
  sample.token = ArgMax(logits);
  const float max = Clean(logits[sample.token]);
  if (std::isinf(max)) {
    sample.log_prob = std::numeric_limits<float>::quiet_NaN();
    return sample;
  }
  const std::optional<std::vector<float>> adjusted = AdjustedLogits(logits, params, history);
  const std::span<const float> row = adjusted ? std::span<const float>(*adjusted) : logits;
  if (adjusted) sample.token = ArgMax(row);
  if (params.temperature > 0) {
    sample.token = Draw(CandidatesOf(row, row[sample.token], params), Uniform(params, position));
  }
  const double log_sum = LogSum(logits, max);
  sample.log_prob = static_cast<float>(LogSoftmax(logits, max, log_sum, sample.token));
  sample.top = Alternatives(logits, max, log_sum, params.top_log_probs);
  return sample;
}

TopLogProbs LikeliestTokens(std::span<const float> logits, int count) {
  const float max = Clean(logits[ArgMax(logits)]);
  if (count <= 0 || std::isinf(max)) return {};
  return Alternatives(logits, max, LogSum(logits, max), count);
}

double LogProb(std::span<const float> logits, TokenId token) {
  const float max = Clean(logits[ArgMax(logits)]);
  if (std::isinf(max)) return std::numeric_limits<double>::quiet_NaN();
  return LogSoftmax(logits, max, LogSum(logits, max), token);
}

}  // namespace steer

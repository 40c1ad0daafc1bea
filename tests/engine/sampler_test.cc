#include "core/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/draws.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// softmax(logits / temperature) in fp64, the plain way.
std::vector<double> Softmax(const std::vector<float>& logits, double temperature) {
  const double max = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  for (const float logit : logits) p.push_back(std::exp((logit - max) / temperature));
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& value : p) value /= sum;
  return p;
}

// Ids by falling probability, the lowest first among equals.
std::vector<TokenId> Ranked(const std::vector<float>& logits) {
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(),
                   [&](TokenId a, TokenId b) { return logits[a] > logits[b]; });
  return ids;
}

// Chi-square of counts against probabilities over the tokens expected at least five times.
void ExpectFrequencies(const std::map<TokenId, int>& counts, const std::vector<double>& p,
                       int draws) {
  double chi = 0;
  int cells = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double expected = p[i] * draws;
    if (expected < 5) continue;
    const auto found = counts.find(static_cast<TokenId>(i));
    const double seen = found == counts.end() ? 0 : found->second;
    chi += (seen - expected) * (seen - expected) / expected;
    ++cells;
  }
  ASSERT_GT(cells, 3);
  // Mean cells - 1, variance 2 (cells - 1): five deviations is far out, and the draws are fixed.
  EXPECT_LT(chi, cells - 1 + 5 * std::sqrt(2.0 * (cells - 1)));
}

TEST(SamplerTest, GreedyTakesTheLowestIdAmongEquals) {
  SamplingParams params;
  params.temperature = 0;
  const std::vector<float> logits = {1, 3, 2, 3, -kInf, 3};
  for (int position = 0; position < 20; ++position) {
    EXPECT_EQ(SampleToken(logits, params, {}, position).token, 1);
  }
}

TEST(SamplerTest, FrequenciesFollowTheTemperature) {
  const std::vector<float> logits = RandomLogits(50, 1, 2);
  constexpr int kDraws = 20000;
  for (const double temperature : {0.5, 1.0, 3.0}) {
    SamplingParams params;
    params.temperature = temperature;
    params.seed = 12345;
    ExpectFrequencies(Count(logits, params, kDraws), Softmax(logits, temperature), kDraws);
  }
}

TEST(SamplerTest, FrequenciesOverSeedsAtOnePosition) {
  const std::vector<float> logits = RandomLogits(30, 2, 1);
  constexpr int kDraws = 20000;
  std::map<TokenId, int> counts;
  SamplingParams params;
  for (int i = 0; i < kDraws; ++i) {
    params.seed = static_cast<uint64_t>(i) << 32;  // the high half counts, too
    ++counts[SampleToken(logits, params, {}, 7).token];
  }
  ExpectFrequencies(counts, Softmax(logits, 1), kDraws);
}

TEST(SamplerTest, TopKKeepsExactlyTheLikeliestLowestIdsAmongEquals) {
  const std::vector<float> logits = {0, 1, 1, 0.5, 1, 0.9};
  SamplingParams params;
  params.temperature = 100;  // nearly uniform: every kept token shows
  params.top_k = 1;
  EXPECT_THAT(Support(Count(logits, params, 2000)), ElementsAre(1));
  params.top_k = 2;
  EXPECT_THAT(Support(Count(logits, params, 2000)), ElementsAre(1, 2));
  params.top_k = 4;
  EXPECT_THAT(Support(Count(logits, params, 2000)), ElementsAre(1, 2, 4, 5));
  params.top_k = 1000;
  EXPECT_EQ(Support(Count(logits, params, 2000)).size(), logits.size());
}

TEST(SamplerTest, TopPKeepsTheSmallestSetThatReachesIt) {
  // Probabilities 0.5, 0.25, 0.125, 0.125.
  const std::vector<float> logits = {std::log(0.125f), std::log(0.5f), std::log(0.25f),
                                     std::log(0.125f)};
  SamplingParams params;
  const auto support = [&](double top_p) {
    params.top_p = top_p;
    return Support(Count(logits, params, 2000));
  };
  EXPECT_THAT(support(1e-9), ElementsAre(1));
  EXPECT_THAT(support(0.49), ElementsAre(1));
  EXPECT_THAT(support(0.51), ElementsAre(1, 2));
  EXPECT_THAT(support(0.74), ElementsAre(1, 2));
  EXPECT_THAT(support(0.76), ElementsAre(0, 1, 2));
  EXPECT_THAT(support(0.99), ElementsAre(0, 1, 2, 3));
}

TEST(SamplerTest, TopPCountsWhatTemperatureAndTopKLeft) {
  const std::vector<float> logits = {std::log(0.4f), std::log(0.3f), std::log(0.2f),
                                     std::log(0.1f)};
  SamplingParams params;
  params.top_k = 2;    // 4/7 and 3/7 are left
  params.top_p = 0.5;  // of all it would need two
  EXPECT_THAT(Support(Count(logits, params, 2000)), ElementsAre(0));
  params.top_k = 0;
  EXPECT_THAT(Support(Count(logits, params, 2000)), ElementsAre(0, 1));
  params.temperature = 0.1;  // the first one has 0.95 now
  EXPECT_THAT(Support(Count(logits, params, 2000)), ElementsAre(0));
}

TEST(SamplerTest, NucleusOfALargeVocabularyIsTheReferences) {
  for (const float spread : {0.2f, 1.5f, 6.0f}) {
    const std::vector<float> logits = RandomLogits(3000, 3, spread);
    const std::vector<double> p = Softmax(logits, 1);
    const std::vector<TokenId> ranked = Ranked(logits);
    for (const double top_p : {0.3, 0.9, 0.995}) {
      std::vector<double> kept(p.size());
      double mass = 0;
      for (const TokenId id : ranked) {
        kept[id] = p[id];
        mass += p[id];
        if (mass >= top_p) break;
      }
      for (double& value : kept) value /= mass;
      SamplingParams params;
      params.top_p = top_p;
      constexpr int kDraws = 1000;
      const auto counts = Count(logits, params, kDraws);
      for (const auto& [token, count] : counts) EXPECT_GT(kept[token], 0) << token;
      if (kept[ranked[10]] * kDraws > 5) ExpectFrequencies(counts, kept, kDraws);
    }
  }
}

TEST(SamplerTest, EqualInputsGiveEqualTokensAndSeedsAndPositionsDiffer) {
  const std::vector<float> logits = RandomLogits(1000, 4, 1);
  SamplingParams params;
  params.seed = 99;
  std::vector<TokenId> first;
  std::vector<TokenId> other_seed;
  for (int position = 0; position < 50; ++position) {
    first.push_back(SampleToken(logits, params, {}, position).token);
  }
  // Backwards: nothing may depend on the order of the draws.
  for (int position = 49; position >= 0; --position) {
    EXPECT_EQ(SampleToken(logits, params, {}, position).token, first[position]);
  }
  params.seed = 100;
  for (int position = 0; position < 50; ++position) {
    other_seed.push_back(SampleToken(logits, params, {}, position).token);
  }
  EXPECT_NE(first, other_seed);
  EXPECT_GT(std::set<TokenId>(first.begin(), first.end()).size(), 30u);
}

TEST(SamplerTest, LogProbabilityIsOfTheRawDistribution) {
  const std::vector<float> logits = RandomLogits(20000, 5, 4);
  const std::vector<double> p = Softmax(logits, 1);
  SamplingParams params;
  params.temperature = 0.3;
  params.top_k = 5;
  params.top_p = 0.9;
  for (int position = 0; position < 10; ++position) {
    const Sample sample = SampleToken(logits, params, {}, position);
    EXPECT_NEAR(sample.log_prob, std::log(p[sample.token]), 1e-5);
  }
  for (TokenId token = 0; token < 20000; token += 501) {
    EXPECT_NEAR(LogProb(logits, token), std::log(p[token]), 1e-5);
  }
}

TEST(SamplerTest, ExponentialsAreExactOverTheirWholeRange) {
  for (double x = 0; x < 86; x += 0.0137) {
    const std::vector<float> logits = {0, static_cast<float>(-x)};
    const double gap = -static_cast<double>(logits[1]);
    // log p of the likely one is -log(1 + exp(-gap)).
    const double expected = -std::log1p(std::exp(-gap));
    EXPECT_NEAR(LogProb(logits, 0), expected, 2e-7 * std::exp(-gap) + 2e-16) << gap;
    EXPECT_NEAR(LogProb(logits, 1), expected - gap, 2e-7 * std::exp(-gap) + 2e-14) << gap;
  }
}

TEST(SamplerTest, HugeLogitsDoNotOverflow) {
  const std::vector<float> logits = {3e38f, -3e38f, 3e38f};
  SamplingParams params;
  EXPECT_NEAR(LogProb(logits, 2), std::log(0.5), 1e-6);
  EXPECT_EQ(LogProb(logits, 1), -kInf);
  EXPECT_THAT(Support(Count(logits, params, 200)), ElementsAre(0, 2));
}

TEST(SamplerTest, TheSmallestTemperatureIsGreedy) {
  const std::vector<float> logits = {1, 2, 1.999f};
  SamplingParams params;
  params.temperature = std::numeric_limits<double>::denorm_min();
  EXPECT_THAT(Support(Count(logits, params, 200)), ElementsAre(1));
}

TEST(SamplerTest, NanCountsAsImpossible) {
  const std::vector<float> logits = {kNan, 1, kNan, 1, -kInf};
  for (const double temperature : {0.0, 1.0}) {
    for (const double top_p : {1.0, 0.7}) {
      SamplingParams params;
      params.temperature = temperature;
      params.top_p = top_p;
      for (int position = 0; position < 200; ++position) {
        const Sample sample = SampleToken(logits, params, {}, position);
        EXPECT_TRUE(sample.token == 1 || sample.token == 3);
        EXPECT_NEAR(sample.log_prob, std::log(0.5), 1e-6);
      }
    }
  }
  EXPECT_EQ(LogProb(logits, 0), -kInf);
}

TEST(SamplerTest, ARowWithoutADistributionGivesTheLowestIdAndNan) {
  SamplingParams params;
  for (const auto& logits : {std::vector<float>{kNan, kNan}, std::vector<float>{-kInf, kNan},
                             std::vector<float>{kInf, 1}, std::vector<float>{kInf, kInf}}) {
    const Sample sample = SampleToken(logits, params, {}, 3);
    EXPECT_EQ(sample.token, 0);
    EXPECT_TRUE(std::isnan(sample.log_prob));
    EXPECT_TRUE(std::isnan(LogProb(logits, 1)));
  }
}

TEST(SamplerTest, OneTokenVocabulary) {
  SamplingParams params;
  params.top_p = 0.5;
  params.top_k = 1;
  const Sample sample = SampleToken(std::vector<float>{-7}, params, {}, 0);
  EXPECT_EQ(sample.token, 0);
  EXPECT_EQ(sample.log_prob, 0);
}

}  // namespace
}  // namespace steer

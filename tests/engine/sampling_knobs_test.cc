// Penalties, bias, bans, min-p and completions: each alone, and in their order.

#include <cmath>
#include <limits>
#include <set>

#include "core/base/philox.h"
#include "core/engine/sampler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/draws.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

using Ids = std::vector<TokenId>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

TokenHistory History(const Ids& prompt, const Ids& output, const Ids& end_tokens = {}) {
  return {.prompt = prompt, .output = output, .end_tokens = end_tokens};
}

// The row as the draw sees it.
std::vector<float> Row(const std::vector<float>& logits, const SamplingParams& params,
                       const TokenHistory& history = {}) {
  return AdjustedLogits(logits, params, history).value_or(logits);
}

TokenId Greedy(const std::vector<float>& logits, SamplingParams params,
               const TokenHistory& history = {}) {
  params.temperature = 0;
  return SampleToken(logits, params, history, 0).token;
}

TEST(SamplingKnobsTest, NeutralKnobsChangeNoBit) {
  const std::vector<float> logits = RandomLogits(500, 20, 2);
  const Ids prompt = {1, 2, 3, 3};
  const Ids output = {4, 4, 5};
  const Ids ends = {6};
  const TokenHistory history = History(prompt, output, ends);
  SamplingParams neutral;
  neutral.top_k = 500;
  neutral.stop_tokens = {7};
  neutral.min_tokens = 3;  // reached
  EXPECT_FALSE(AdjustedLogits(logits, neutral, history).has_value()) << "copied for nothing";
  neutral.logit_bias = {{4, 0.0}};
  neutral.top_log_probs = 5;
  for (int position = 0; position < 200; ++position) {
    const Sample plain = SampleToken(logits, {}, {}, position);
    const Sample sample = SampleToken(logits, neutral, history, position);
    EXPECT_EQ(sample.token, plain.token);
    EXPECT_EQ(sample.log_prob, plain.log_prob);
  }
}

TEST(SamplingKnobsTest, RepetitionSeesPromptAndOutputOnceEach) {
  const std::vector<float> logits = {2, -2, 2, -2, 0, 3};
  SamplingParams params;
  params.repetition_penalty = 2;
  const Ids prompt = {0, 0, 1};
  const Ids output = {0, 2, 3, 2, 4};
  EXPECT_THAT(Row(logits, params, History(prompt, output)), ElementsAre(1, -4, 1, -4, 0, 3));
  params.repetition_penalty = 0.5;
  EXPECT_THAT(Row(logits, params, History(prompt, {})), ElementsAre(4, -1, 2, -2, 0, 3));
}

TEST(SamplingKnobsTest, PresenceAndFrequencySeeOutputOnly) {
  const std::vector<float> logits = {1, 1, 1, 1};
  SamplingParams params;
  const Ids prompt = {0, 0, 1};
  const Ids output = {1, 2, 2, 2};
  params.presence_penalty = 0.5;
  EXPECT_THAT(Row(logits, params, History(prompt, output)), ElementsAre(1, 0.5, 0.5, 1));
  params.frequency_penalty = 0.25;
  EXPECT_THAT(Row(logits, params, History(prompt, output)), ElementsAre(1, 0.25, -0.25, 1));
  params.presence_penalty = 0;
  EXPECT_THAT(Row(logits, params, History(prompt, output)), ElementsAre(1, 0.75, 0.25, 1));
  params.frequency_penalty = -2;
  EXPECT_THAT(Row(logits, params, History(prompt, output)), ElementsAre(1, 3, 7, 1));
  EXPECT_EQ(AdjustedLogits(logits, params, History(prompt, {})), std::nullopt);
}

TEST(SamplingKnobsTest, RepetitionThenOutputPenaltiesThenBias) {
  const std::vector<float> logits = {4, 0};
  SamplingParams params;
  params.repetition_penalty = 2;
  params.presence_penalty = 1;
  params.frequency_penalty = 0.5;
  params.logit_bias = {{0, 8}};
  const Ids output = {0};
  // 4 / 2 - 1.5 + 8; halved after the subtraction it would be 9.25, at the end 5.25.
  EXPECT_THAT(Row(logits, params, History({}, output)), ElementsAre(8.5, 0));
}

TEST(SamplingKnobsTest, TheSignIsTheRawLogitsWhateverTheBiasMakesOfIt) {
  SamplingParams params;
  params.repetition_penalty = 2;
  params.logit_bias = {{0, -3}, {1, 3}};
  const Ids prompt = {0, 1};
  EXPECT_THAT(Row({1, -1}, params, History(prompt, {})), ElementsAre(-2.5, 1));
}

TEST(SamplingKnobsTest, PenaltiesAndBiasComeBeforeTheTemperature) {
  // Twice as hot, the gap of 4 - 2 becomes 1: were the bias added afterwards it would be 0.
  const std::vector<float> logits = {2, 0};
  SamplingParams params;
  params.temperature = 2;
  params.logit_bias = {{1, 4}};
  const std::vector<float> row = Row(logits, params);
  const Candidates candidates = CandidatesOf(row, 4, params);
  EXPECT_NEAR(candidates.weights[0], std::exp(-1), 1e-6);
  EXPECT_EQ(candidates.weights[1], 1);
}

TEST(SamplingKnobsTest, PenaltiesAndBiasComeBeforeTopK) {
  const std::vector<float> logits = {3, 2, 1, 0};
  SamplingParams params;
  params.top_k = 2;
  params.logit_bias = {{3, 10}};
  EXPECT_THAT(Support(Count(logits, params, 300)), ElementsAre(3));
  params.logit_bias = {{3, 3}};
  EXPECT_THAT(Support(Count(logits, params, 300)), ElementsAre(0, 3));
}

TEST(SamplingKnobsTest, TopPThenMinP) {
  // Probabilities 0.5, 0.3, 0.15, 0.05.
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f),
                                     std::log(0.05f)};
  SamplingParams params;
  params.top_p = 0.55;  // of all: two tokens; of what min-p alone would leave (0.625): one
  params.min_p = 0.5;
  EXPECT_THAT(Support(Count(logits, params, 500)), ElementsAre(0, 1));
}

TEST(SamplingKnobsTest, MinPIsAShareOfTheLikeliest) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.3f),
                                     std::log(0.2f)};
  SamplingParams params;
  const auto support = [&](double min_p) {
    params.min_p = min_p;
    return Support(Count(logits, params, 1000));
  };
  EXPECT_THAT(support(0.24), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(support(0.26), ElementsAre(1, 2, 3));
  EXPECT_THAT(support(0.51), ElementsAre(1, 2));
  EXPECT_THAT(support(0.74), ElementsAre(1, 2));
  EXPECT_THAT(support(0.76), ElementsAre(1));
  EXPECT_THAT(support(1), ElementsAre(1));
  params.temperature = 0.5;  // 1/16, 1, 9/16, 1/4
  EXPECT_THAT(support(0.24), ElementsAre(1, 2, 3));
  EXPECT_THAT(support(0.26), ElementsAre(1, 2));
  params.temperature = 1;
  params.min_p = 1;
  EXPECT_THAT(Support(Count({1, 1, 0}, params, 200)), ElementsAre(0, 1));  // both are likeliest
}

TEST(SamplingKnobsTest, NothingEndsBeforeMinTokens) {
  const std::vector<float> logits = {5, 4, 3, 2};
  const Ids ends = {0};
  const Ids output = {3, 3, 3};
  SamplingParams params;
  params.stop_tokens = {1};
  params.min_tokens = 3;
  const auto drawn = [&](size_t length) {
    return Greedy(logits, params, History({}, Ids(output.begin(), output.begin() + length), ends));
  };
  EXPECT_EQ(drawn(0), 2);
  EXPECT_EQ(drawn(2), 2);  // the third token
  EXPECT_EQ(drawn(3), 0);
  params.ignore_eos = true;  // then it ends nothing
  EXPECT_EQ(drawn(2), 0);
  params.stop_tokens = {0};
  EXPECT_EQ(drawn(2), 1);
}

TEST(SamplingKnobsTest, NoBiasBringsABannedTokenBack) {
  SamplingParams params;
  params.min_tokens = 1;
  params.stop_tokens = {0};
  params.logit_bias = {{0, 100}, {1, -100}, {2, -100}};
  EXPECT_THAT(Support(Count({9, 0, 0}, params, 300)), ElementsAre(1, 2));
}

TEST(SamplingKnobsTest, BansThatLeaveNothingAreNotApplied) {
  const std::vector<float> logits = {1, 2, -kInf, kNan};
  const Ids ends = {0, 1};
  SamplingParams params;
  params.min_tokens = 5;
  params.stop_tokens = {1, 2, 1};
  EXPECT_EQ(Greedy(logits, params, History({}, {}, ends)), 1);
  EXPECT_THAT(Support(Count(logits, params, 200, History({}, {}, ends))), ElementsAre(0, 1));
}

TEST(SamplingKnobsTest, GreedyObeysPenaltiesAndBias) {
  const std::vector<float> logits = {5, 4, 3};
  const Ids seen = {0, 0, 0};
  SamplingParams params;
  params.repetition_penalty = 1.5;
  EXPECT_EQ(Greedy(logits, params, History(seen, {})), 1);
  params = {};
  params.frequency_penalty = 0.5;
  EXPECT_EQ(Greedy(logits, params, History(seen, {})), 0);
  EXPECT_EQ(Greedy(logits, params, History({}, seen)), 1);
  params = {};
  params.logit_bias = {{2, 2.5}};
  EXPECT_EQ(Greedy(logits, params), 2);
}

TEST(SamplingKnobsTest, WhatIsPossibleStaysPossibleAndWhatIsNotDoesNot) {
  const std::vector<float> logits = {3e38f, -3e38f, -kInf, kNan, 1};
  const Ids all = {0, 1, 2, 3, 4};
  SamplingParams params;
  params.repetition_penalty = std::numeric_limits<double>::denorm_min();
  params.logit_bias = {{2, 100}, {3, 100}};
  std::vector<float> row = Row(logits, params, History(all, {}));
  EXPECT_EQ(row[0], std::numeric_limits<float>::max());
  EXPECT_EQ(row[2], -kInf);
  EXPECT_TRUE(std::isnan(row[3]));
  params.repetition_penalty = 10;
  row = Row(logits, params, History(all, {}));
  EXPECT_EQ(row[1], -std::numeric_limits<float>::max());
  params.logit_bias = {{0, 100}, {1, 100}};
  EXPECT_THAT(Support(Count({-kInf, kNan, -50}, params, 50)), ElementsAre(2));
}

TEST(SamplingKnobsTest, LogProbabilitiesAreRawWhateverIsOn) {
  const std::vector<float> logits = RandomLogits(300, 21, 2);
  const Ids seen = {1, 5, 9, 9};
  SamplingParams params;
  params.repetition_penalty = 1.7;
  params.presence_penalty = 1;
  params.frequency_penalty = 0.5;
  params.logit_bias = {{17, 8}, {18, 8}};
  params.min_p = 0.01;
  params.top_k = 40;
  params.top_log_probs = 7;
  const TopLogProbs likeliest = LikeliestTokens(logits, 7);
  for (int position = 0; position < 50; ++position) {
    const Sample sample = SampleToken(logits, params, History(seen, seen), position);
    EXPECT_EQ(sample.log_prob, static_cast<float>(LogProb(logits, sample.token)));
    ASSERT_EQ(sample.top.size(), 7u);
    for (size_t i = 0; i < 7; ++i) {
      EXPECT_EQ(sample.top[i].token, likeliest[i].token);
      EXPECT_EQ(sample.top[i].log_prob, likeliest[i].log_prob);
    }
  }
}

Ids Stream(const std::vector<float>& logits, int completion, uint64_t seed) {
  SamplingParams params;
  params.seed = seed;
  params.completion = completion;
  Ids tokens;
  for (int position = 0; position < 40; ++position) {
    tokens.push_back(SampleToken(logits, params, {}, position).token);
  }
  return tokens;
}

TEST(SamplingKnobsTest, EachCompletionHasItsOwnStreamOfRandomNumbers) {
  const std::vector<float> logits = RandomLogits(1000, 23, 1);
  std::set<Ids> streams;
  for (int completion = 0; completion < 16; ++completion) {
    streams.insert(Stream(logits, completion, 5));
    streams.insert(Stream(logits, completion, 6));
    EXPECT_EQ(Stream(logits, completion, 5), Stream(logits, completion, 5));
  }
  EXPECT_EQ(streams.size(), 32u);
}

// Uniform over 1024 tokens, a draw is the first ten bits of its random number: of the published
// generator, Philox4x32-10, with counter (position, completion, 0, 0) and the seed as key.
TEST(SamplingKnobsTest, TheStreamsAreThoseOfTheGenerator) {
  const std::vector<float> logits(1024, 0.0f);
  const uint64_t seed = 0x0123456789ABCDEF;
  for (int completion = 0; completion < 3; ++completion) {
    const Ids tokens = Stream(logits, completion, seed);
    for (uint32_t position = 0; position < tokens.size(); ++position) {
      const auto words =
          Philox4x32({position, static_cast<uint32_t>(completion), 0, 0}, {0x89ABCDEF, 0x01234567});
      EXPECT_EQ(tokens[position], static_cast<TokenId>(words[0] >> 22U));
    }
  }
}

}  // namespace
}  // namespace steer

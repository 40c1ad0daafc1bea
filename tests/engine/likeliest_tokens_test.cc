#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/engine/sampler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/draws.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Ids = std::vector<TokenId>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Ids TokensOf(const TopLogProbs& top) {
  Ids tokens;
  for (const TokenLogProb& entry : top) tokens.push_back(entry.token);
  return tokens;
}

TEST(LikeliestTokensTest, BestFirstLowestIdsAmongEqualsImpossibleOnesLeftOut) {
  const std::vector<float> logits = {0, 2, kNan, 1, 2, -kInf, 1};
  EXPECT_THAT(TokensOf(LikeliestTokens(logits, 3)), ElementsAre(1, 4, 3));
  EXPECT_THAT(TokensOf(LikeliestTokens(logits, 20)), ElementsAre(1, 4, 3, 6, 0));
  EXPECT_THAT(LikeliestTokens(logits, 0), IsEmpty());
  for (const TokenLogProb& entry : LikeliestTokens(logits, 20)) {
    EXPECT_EQ(entry.log_prob, static_cast<float>(LogProb(logits, entry.token)));
  }
  EXPECT_THAT(LikeliestTokens(std::vector<float>{kInf, 1}, 2), IsEmpty());
  EXPECT_THAT(LikeliestTokens(std::vector<float>{-kInf, kNan}, 2), IsEmpty());
}

TEST(LikeliestTokensTest, OfARandomRowAsSorted) {
  std::vector<float> logits = RandomLogits(5000, 22, 3);
  for (float& logit : logits) logit = std::round(logit * 4) / 4;  // many equals
  Ids ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(),
                   [&](TokenId a, TokenId b) { return logits[a] > logits[b]; });
  for (const int count : {1, 5, 20}) {
    EXPECT_EQ(TokensOf(LikeliestTokens(logits, count)), Ids(ids.begin(), ids.begin() + count));
  }
  // The two ways to find the likeliest meet at 64.
  for (const int top_k : {63, 64, 65, 66}) {
    SamplingParams params;
    params.top_k = top_k;
    const Candidates candidates = CandidatesOf(logits, logits[ids[0]], params);
    EXPECT_EQ(candidates.ids, Ids(ids.begin(), ids.begin() + top_k));
  }
}

}  // namespace
}  // namespace steer

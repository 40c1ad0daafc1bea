#include "core/analysis/preference_utility_scorer.h"

#include <cmath>
#include <limits>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

// A linear world: each answer token's log-probability is its id times -0.1, and the multiplier
// helps positive answers (first token 1) and hurts negative ones (first token 2). A Scorer, not a
// stand-in for a type of ours: the interface's other user.
class LinearScorer final : public Scorer {
 public:
  size_t controls() const override { return 1; }
  absl::Status Score(const std::vector<ForcedGroup>& groups, const std::vector<Strength>& strengths,
                     const std::function<bool()>& cancelled,
                     const std::function<void(size_t, GroupLogProbs)>& on_group) override {
    // Backwards: any order must do.
    for (size_t i = groups.size(); i-- > 0;) {
      if (cancelled()) return absl::CancelledError("cancelled");
      GroupLogProbs result;
      for (const Strength& strength : strengths) {
        std::vector<ForcedLogProbs>& texts = result.emplace_back();
        for (const ForcedText& text : groups[i]) texts.push_back(LogProbs(text, strength.front()));
      }
      strengths_ += strengths.size();
      on_group(i, std::move(result));
    }
    return absl::OkStatus();
  }

  size_t strengths() const { return strengths_; }

 private:
  static ForcedLogProbs LogProbs(const ForcedText& text, double multiplier) {
    ForcedLogProbs log_probs;
    for (size_t i = text.layout.prompt_length; i < text.tokens.size(); ++i) {
      const double sign = text.tokens[0] == 1 ? 1 : -1;
      log_probs.push_back(-0.1 * text.tokens[i] + sign * 0.05 * multiplier);
    }
    return log_probs;
  }

  size_t strengths_ = 0;  // over all groups
};

ForcedText Text(TokenId first, std::vector<TokenId> answer) {
  ForcedText text;
  text.tokens = {first};
  text.layout.prompt_length = 1;
  text.tokens.insert(text.tokens.end(), answer.begin(), answer.end());
  return text;
}

std::vector<TokenPair> Pairs() {
  return {{.positive = {Text(1, {20, 30})}, .negative = {Text(2, {30, 30})}},
          {.positive = {Text(1, {15})},
           .negative = {Text(2, {12, 18, 24})},
           .prompt_is_prefix = false}};
}

std::vector<ScorePoint> Score(const std::vector<TokenPair>& pairs,
                              const std::vector<double>& multipliers) {
  LinearScorer scorer;
  std::vector<ScorePoint> points;
  ScoreListener listener;
  listener.on_point = [&](ScorePoint point) {
    points.push_back(std::move(point));
    return true;
  };
  const absl::Status status =
      ScorePairs(scorer, pairs, multipliers, [] { return false; }, listener);
  EXPECT_TRUE(status.ok()) << status;
  return points;
}

std::vector<ScorePoint> Score(const std::vector<double>& multipliers) {
  return Score(Pairs(), multipliers);
}

TEST(ScorePairsTest, LossesAreOfTheAnswerAlone) {
  const std::vector<ScorePoint> points = Score({0});
  ASSERT_EQ(points.size(), 1U);
  ASSERT_EQ(points[0].pairs.size(), 2U);
  const ScoredPair& first = points[0].pairs[0];
  EXPECT_NEAR(first.sum.positive_loss, 5.0, 1e-12);
  EXPECT_NEAR(first.sum.negative_loss, 6.0, 1e-12);
  EXPECT_NEAR(first.mean.preference, 0.5, 1e-12);
  EXPECT_EQ(first.positive_tokens, 2);
  EXPECT_EQ(points[0].pairs[1].negative_tokens, 3);
  EXPECT_TRUE(first.prompt_is_prefix);
  EXPECT_FALSE(points[0].pairs[1].prompt_is_prefix);
  EXPECT_NEAR(points[0].sum.preference, (1.0 + (5.4 - 1.5)) / 2, 1e-12);
}

TEST(ScorePairsTest, SlopeIsTheSecantAroundZero) {
  // In mean mode preference changes by 0.05 + 0.05 per unit of m for every pair.
  const auto slope = SlopeAtZero(Score({-4, -1, 0, 2, 8}), LossMode::kMean);
  ASSERT_TRUE(slope.has_value());
  EXPECT_EQ(slope->low_multiplier, -1);
  EXPECT_EQ(slope->high_multiplier, 2);
  EXPECT_NEAR(slope->slope, 0.1, 1e-12);
  EXPECT_NEAR(slope->interval.low, 0.1, 1e-12);
}

TEST(ScorePairsTest, ZeroStandsInForAMissingSide) {
  const auto slope = SlopeAtZero(Score({0, 4, 2}), LossMode::kMean);
  ASSERT_TRUE(slope.has_value());
  EXPECT_EQ(slope->low_multiplier, 0);
  EXPECT_EQ(slope->high_multiplier, 2);
  EXPECT_FALSE(SlopeAtZero(Score({1, 2}), LossMode::kMean).has_value());
  EXPECT_FALSE(SlopeAtZero(Score({0}), LossMode::kMean).has_value());
}

TEST(ScorePairsTest, SumAddsTheSpellingsAndMeanHasTheOneThePlainModelPrefers) {
  // At m = 0 the second spelling of the positive answer has e^-2, the first e^-5; of the negative
  // answer the first has e^-3, the second e^-6.
  const TokenPair pair = {.positive = {Text(1, {20, 30}), Text(1, {20})},
                          .negative = {Text(2, {30}), Text(2, {30, 30})}};
  for (const std::vector<double>& multipliers : {std::vector<double>{-400, 0, 2}, {-400, 2}}) {
    for (const ScorePoint& point : Score({pair}, multipliers)) {
      const double m = point.multiplier;
      const ScoredPair& scored = point.pairs.front();
      EXPECT_NEAR(scored.sum.positive_loss,
                  -std::log(std::exp(-5 + 0.1 * m) + std::exp(-2 + 0.05 * m)), 1e-9);
      EXPECT_NEAR(scored.sum.negative_loss,
                  -std::log(std::exp(-3 - 0.05 * m) + std::exp(-6 - 0.1 * m)), 1e-9);
      // Also at -400, where the longer negative answer is by far the likelier.
      EXPECT_NEAR(scored.mean.positive_loss, 2 - 0.05 * m, 1e-9);
      EXPECT_NEAR(scored.mean.negative_loss, 3 + 0.05 * m, 1e-9);
      EXPECT_EQ(scored.positive_tokens, 1);
      EXPECT_EQ(scored.negative_tokens, 1);
      EXPECT_TRUE(scored.positive_respelt);
      EXPECT_FALSE(scored.negative_respelt);
    }
  }
}

TEST(ScorePairsTest, ThePlainModelIsScoredOnlyWhereASpellingHasToBeChosen) {
  ScoreListener listener;
  listener.on_point = [](const ScorePoint&) { return true; };
  const auto never = [] { return false; };
  LinearScorer one;
  ASSERT_TRUE(ScorePairs(one, Pairs(), {1, 2}, never, listener).ok());
  EXPECT_EQ(one.strengths(), 4U);
  std::vector<TokenPair> respelt = Pairs();
  respelt[0].positive.push_back(Text(1, {7}));
  LinearScorer two;
  ASSERT_TRUE(ScorePairs(two, respelt, {1, 2}, never, listener).ok());
  EXPECT_EQ(two.strengths(), 6U);
  LinearScorer three;
  ASSERT_TRUE(ScorePairs(three, respelt, {1, 0}, never, listener).ok());
  EXPECT_EQ(three.strengths(), 4U);
}

TEST(ScorePairsTest, ManyMultipliersComeInOrderWithTheirProgress) {
  std::vector<double> multipliers;
  for (int i = 0; i < 70; ++i) multipliers.push_back(i % 2 == 0 ? i : -i);
  LinearScorer scorer;
  ScoreListener listener;
  std::vector<double> seen;
  std::vector<int64_t> done;
  listener.on_point = [&](const ScorePoint& point) {
    seen.push_back(point.multiplier);
    return true;
  };
  listener.on_progress = [&](int64_t now, int64_t total) {
    EXPECT_EQ(total, 140);
    done.push_back(now);
    return true;
  };
  ASSERT_TRUE(ScorePairs(scorer, Pairs(), multipliers, [] { return false; }, listener).ok());
  EXPECT_EQ(seen, multipliers);
  EXPECT_EQ(done, (std::vector<int64_t>{32, 64, 96, 128, 134, 140}));
}

TEST(ScorePairsTest, AnAnswerWithoutAProbabilityNamesItsMultiplier) {
  LinearScorer scorer;
  ScoreListener listener;
  listener.on_point = [](const ScorePoint&) { return true; };
  const double infinite = std::numeric_limits<double>::infinity();
  const absl::Status status =
      ScorePairs(scorer, Pairs(), {1, infinite}, [] { return false; }, listener);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
  EXPECT_EQ(DetailOf(status)->field, "multipliers");
}

TEST(ScorePairsTest, StopsWhenTheReaderOrTheCallerSaysSo) {
  LinearScorer scorer;
  int points = 0;
  ScoreListener listener;
  listener.on_point = [&](const ScorePoint&) { return ++points < 2; };
  const auto never = [] { return false; };
  EXPECT_TRUE(absl::IsCancelled(ScorePairs(scorer, Pairs(), {1, 2, 3}, never, listener)));
  EXPECT_EQ(points, 2);
  EXPECT_TRUE(absl::IsCancelled(ScorePairs(scorer, Pairs(), {1}, [] { return true; }, listener)));
  listener.on_progress = [](int64_t, int64_t) { return false; };
  points = 0;
  EXPECT_TRUE(absl::IsCancelled(ScorePairs(scorer, Pairs(), {1}, never, listener)));
  EXPECT_EQ(points, 0);
}

}  // namespace
}  // namespace steer

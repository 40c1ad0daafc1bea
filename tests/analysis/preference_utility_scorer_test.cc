#include "core/analysis/preference_utility_scorer.h"

#include "gtest/gtest.h"

namespace steer {
namespace {

// A linear world: each answer token's log-probability is its id times -0.1, and the multiplier
// helps positive answers (first token 1) and hurts negative ones (first token 2). A Scorer, not a
// stand-in for a type of ours: the interface's other user.
class LinearScorer final : public Scorer {
 public:
  absl::StatusOr<std::vector<std::vector<double>>> LogProbs(
      const std::vector<ForcedText>& texts, double multiplier,
      const std::function<bool()>& cancelled) override {
    if (cancelled()) return absl::CancelledError("cancelled");
    std::vector<std::vector<double>> all;
    for (const ForcedText& text : texts) {
      std::vector<double> log_probs;
      for (size_t i = text.layout.prompt_length; i < text.tokens.size(); ++i) {
        const double sign = text.tokens[0] == 1 ? 1 : -1;
        log_probs.push_back(-0.1 * text.tokens[i] + sign * 0.05 * multiplier);
      }
      all.push_back(std::move(log_probs));
    }
    return all;
  }
};

ForcedText Text(TokenId first, std::vector<TokenId> answer) {
  ForcedText text;
  text.tokens = {first};
  text.layout.prompt_length = 1;
  text.tokens.insert(text.tokens.end(), answer.begin(), answer.end());
  return text;
}

std::vector<TokenPair> Pairs() {
  return {
      {.positive = Text(1, {20, 30}), .negative = Text(2, {30, 30})},
      {.positive = Text(1, {15}), .negative = Text(2, {12, 18, 24}), .prompt_is_prefix = false}};
}

std::vector<ScorePoint> Score(const std::vector<double>& multipliers) {
  LinearScorer scorer;
  std::vector<ScorePoint> points;
  const absl::Status status = ScorePairs(
      scorer, Pairs(), multipliers, [] { return false; },
      [&](ScorePoint point) {
        points.push_back(std::move(point));
        return true;
      });
  EXPECT_TRUE(status.ok()) << status;
  return points;
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

TEST(ScorePairsTest, StopsWhenTheReaderOrTheCallerSaysSo) {
  LinearScorer scorer;
  int points = 0;
  const absl::Status reader = ScorePairs(
      scorer, Pairs(), {1, 2, 3}, [] { return false; },
      [&](const ScorePoint&) { return ++points < 2; });
  EXPECT_TRUE(absl::IsCancelled(reader));
  EXPECT_EQ(points, 2);
  const absl::Status caller =
      ScorePairs(scorer, Pairs(), {1}, [] { return true; }, [](const ScorePoint&) { return true; });
  EXPECT_TRUE(absl::IsCancelled(caller));
}

}  // namespace
}  // namespace steer

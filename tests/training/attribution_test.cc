#include "core/learn/attribution.h"

#include <cmath>
#include <numeric>

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/training/training_texts.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AttributionTest : public testing::Test {
 protected:
  Attribution Of(const ContrastPair& pair, int steps) {
    const absl::StatusOr<Attribution> attribution =
        AttributeTokens(decoder_, pair, steps, PartsOf(decoder_).run_unit);
    EXPECT_TRUE(attribution.ok()) << attribution.status();
    return *attribution;
  }

  const std::shared_ptr<const Decoder> decoder_ =
      LoadDecoder(RequiredEnv("STEER_TINY_MODEL"), at::kDouble);
};

// What the tokens are held responsible for is what they change, the more exactly the finer the
// steps.
TEST_F(AttributionTest, TheSumIsWhatThePromptChanges) {
  for (const ContrastPair& pair : TrainingPairs()) {
    double last = 0;
    for (const int steps : {5, 20, 80}) {
      const Attribution attribution = Of(pair, steps);
      EXPECT_EQ(attribution.tokens.size(), pair.positive.layout.prompt_length);
      const double sum = std::accumulate(attribution.tokens.begin(), attribution.tokens.end(), 0.0);
      const double error = std::abs(sum - (attribution.value - attribution.baseline));
      if (steps > 5) {
        EXPECT_LT(error, last * 0.6 + 1e-6) << steps;
      }
      last = error;
    }
    EXPECT_LT(last, 0.02 * std::abs(Of(pair, 1).value - Of(pair, 1).baseline) + 0.01);
  }
}

TEST_F(AttributionTest, SwappedAnswersTurnItRound) {
  ContrastPair pair = TrainingPairs()[1];
  const Attribution one = Of(pair, 4);
  std::swap(pair.positive, pair.negative);
  const Attribution other = Of(pair, 4);
  EXPECT_NEAR(one.value, -other.value, 1e-10);
  for (size_t t = 0; t < one.tokens.size(); ++t)
    EXPECT_NEAR(one.tokens[t], -other.tokens[t], 1e-10);
}

// Against the derivative along the embedding at one point, by central differences.
TEST_F(AttributionTest, OneStepIsTheGradientInTheMiddle) {
  const ContrastPair pair = TrainingPairs()[0];
  const Attribution attribution = Of(pair, 1);
  const at::NoGradGuard no_grad;
  AnswerPass pass(decoder_, 0, PositionRule(), /*with_plain=*/false);
  const PreparedAnswer positive = pass.Prepare(pair.positive);
  const PreparedAnswer negative = pass.Prepare(pair.negative);
  const int prompt = pair.positive.layout.prompt_length;
  const auto margin = [&](int token, double scale) {
    const auto with = [&](const PreparedAnswer& answer) {
      PreparedAnswer changed = answer;
      changed.entering = answer.entering.clone();
      changed.entering.narrow(0, 0, prompt).mul_(0.5);
      changed.entering.select(0, token).copy_(answer.entering.select(0, token) * scale);
      return changed;
    };
    const PreparedAnswer a = with(positive), b = with(negative);
    const std::vector<SteeredAnswer> answers = {{.answer = &a}, {.answer = &b}};
    const at::Tensor sums = pass.LogProbs(answers, {});
    return (sums.select(0, 0) - sums.select(0, 1)).item<double>();
  };
  for (int token = 0; token < prompt; ++token) {
    const double expected = (margin(token, 0.5 + 1e-5) - margin(token, 0.5 - 1e-5)) / 2e-5;
    EXPECT_NEAR(attribution.tokens[static_cast<size_t>(token)], expected, 1e-6) << token;
  }
}

TEST(MostImportantTest, TakesTheLargestOfOneSign) {
  const Attribution attribution = {.tokens = {9, 1, -3, 2, 0, 5, -1}};
  EXPECT_THAT(MostImportant(attribution, 1, 2, false), ElementsAre(3, 5));
  EXPECT_THAT(MostImportant(attribution, 1, 9, false), ElementsAre(1, 3, 5));
  EXPECT_THAT(MostImportant(attribution, 0, 2, true), ElementsAre(2, 6));
  EXPECT_THAT(MostImportant({.tokens = {1, 2}}, 0, 3, true), IsEmpty());
}

}  // namespace
}  // namespace steer

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

TEST_F(AttributionTest, SwappedAnswersTurnItRound) {
  ContrastPair pair = TrainingPairs()[1];
  const Attribution one = Of(pair, 4);
  std::swap(pair.positive, pair.negative);
  const Attribution other = Of(pair, 4);
  EXPECT_NEAR(one.value, -other.value, 1e-10);
  for (size_t t = 0; t < one.tokens.size(); ++t)
    EXPECT_NEAR(one.tokens[t], -other.tokens[t], 1e-10);
}

// g with each prompt token's embedding scaled by its own number.
class ScaledMargin {
 public:
  ScaledMargin(const std::shared_ptr<const Decoder>& decoder, const ContrastPair& pair)
      : pass_(decoder, 0, PositionRule(), PlainAnswer::kNothing),
        positive_(pass_.Prepare(pair.positive)),
        negative_(pass_.Prepare(pair.negative)) {}

  double At(const std::vector<double>& scales) const {
    const at::NoGradGuard no_grad;
    const auto with = [&](const PreparedAnswer& answer) {
      PreparedAnswer changed = answer;
      changed.entering = answer.entering.clone();
      for (size_t t = 0; t < scales.size(); ++t)
        changed.entering.select(0, static_cast<int64_t>(t)).mul_(scales[t]);
      return changed;
    };
    const PreparedAnswer a = with(positive_), b = with(negative_);
    const std::vector<SteeredAnswer> answers = {{.answer = &a}, {.answer = &b}};
    const at::Tensor sums = pass_.LogProbs(answers, {});
    return (sums.select(0, 0) - sums.select(0, 1)).item<double>();
  }

 private:
  const AnswerPass pass_;
  const PreparedAnswer positive_, negative_;
};

// Against derivatives along the embeddings, by central differences: a token's is its attribution,
// and all tokens' together are what the path from 0 changes, where the steps look.
TEST_F(AttributionTest, IsTheGradientInTheMiddleOfEachStep) {
  const ContrastPair pair = TrainingPairs()[0];
  const ScaledMargin margin(decoder_, pair);
  const auto prompt = static_cast<size_t>(pair.positive.layout.prompt_length);
  EXPECT_NEAR(Of(pair, 1).value, margin.At(std::vector<double>(prompt, 1)), 1e-10);
  const double h = 1e-5;
  for (const int steps : {1, 3}) {
    const Attribution attribution = Of(pair, steps);
    ASSERT_EQ(attribution.tokens.size(), prompt);
    std::vector<double> expected(prompt);
    double along = 0;
    for (int step = 0; step < steps; ++step) {
      const std::vector<double> middle(prompt, (step + 0.5) / steps);
      for (size_t t = 0; t < prompt; ++t) {
        std::vector<double> up = middle, down = middle;
        up[t] += h;
        down[t] -= h;
        expected[t] += (margin.At(up) - margin.At(down)) / (2 * h) / steps;
      }
      along += (margin.At(std::vector<double>(prompt, middle[0] + h)) -
                margin.At(std::vector<double>(prompt, middle[0] - h))) /
               (2 * h) / steps;
    }
    for (size_t t = 0; t < prompt; ++t)
      EXPECT_NEAR(attribution.tokens[t], expected[t], 1e-6) << steps << ", token " << t;
    EXPECT_NEAR(std::accumulate(attribution.tokens.begin(), attribution.tokens.end(), 0.0), along,
                1e-6);
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

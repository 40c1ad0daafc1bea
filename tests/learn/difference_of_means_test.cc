#include "core/learn/difference_of_means.h"

#include <cmath>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

// Activations planted by the text: the mean over answer tokens of (id, 2 id, 1) at any layer.
absl::StatusOr<std::vector<float>> Planted(const ForcedText& text, int layer) {
  float sum = 0;
  int count = 0;
  for (size_t i = text.layout.prompt_length; i < text.tokens.size(); ++i, ++count)
    sum += text.tokens[i];
  const float mean = sum / static_cast<float>(count);
  return std::vector<float>{mean + static_cast<float>(layer), 2 * mean, 1};
}

ForcedText Text(std::vector<TokenId> answer) {
  ForcedText text;
  text.tokens = {100, 101};
  text.layout.prompt_length = 2;
  text.tokens.insert(text.tokens.end(), answer.begin(), answer.end());
  return text;
}

const std::vector<ContrastPair> kPairs = {{Text({4, 6}), Text({1})}, {Text({10}), Text({2, 4})}};
bool GoOn(int /*done*/, int /*total*/) { return true; }

std::vector<float> Learn(const std::vector<ContrastPair>& pairs) {
  const auto result = LearnDifferenceOfMeans(pairs, 3, Planted, GoOn);
  EXPECT_TRUE(result.ok()) << result.status();
  const auto values = result->v.floats();
  return {values.begin(), values.end()};
}

TEST(DifferenceOfMeansTest, FindsThePlantedDirection) {
  // Means 5 - 1 and 10 - 3: the average difference is 5.5; what is common cancels.
  EXPECT_EQ(Learn(kPairs), (std::vector<float>{5.5, 11, 0}));
  const auto result = LearnDifferenceOfMeans(kPairs, 3, Planted, GoOn);
  EXPECT_NEAR(result->norm, std::hypot(5.5, 11), 1e-9);
  EXPECT_EQ(result->pairs, 2);
  EXPECT_GT(result->mean_activation_norm, 0);
}

TEST(DifferenceOfMeansTest, ExchangingTheAnswersFlipsTheSign) {
  std::vector<ContrastPair> swapped = kPairs;
  for (ContrastPair& pair : swapped) std::swap(pair.positive, pair.negative);
  EXPECT_EQ(Learn(swapped), (std::vector<float>{-5.5, -11, 0}));
}

TEST(DifferenceOfMeansTest, DuplicatingTheDataChangesNothing) {
  std::vector<ContrastPair> twice = kPairs;
  twice.insert(twice.end(), kPairs.begin(), kPairs.end());
  EXPECT_EQ(Learn(twice), Learn(kPairs));
}

TEST(DifferenceOfMeansTest, RefusesAnAnswerWithoutTokens) {
  std::vector<ContrastPair> pairs = kPairs;
  pairs[1].negative = Text({});
  const auto result = LearnDifferenceOfMeans(pairs, 0, Planted, GoOn);
  ASSERT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(result.status())->field, "pairs[1].negative");
  EXPECT_EQ(LearnDifferenceOfMeans({}, 0, Planted, GoOn).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(DifferenceOfMeansTest, StopsBetweenPairs) {
  int calls = 0;
  const auto result = LearnDifferenceOfMeans(kPairs, 0, Planted, [&](int done, int total) {
    EXPECT_EQ(total, 2);
    ++calls;
    return done < 1;
  });
  EXPECT_TRUE(absl::IsCancelled(result.status()));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace steer

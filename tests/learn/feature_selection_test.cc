#include "core/learn/feature_selection.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Features of (x, y): x, y, x + y and -x, each from 0 up; their rows are (1, 0), (0, 1), (1, 1) and
// (5, 5).
std::shared_ptr<const SignalData> Autoencoder(std::vector<float> threshold = {}) {
  SignalData signal = {.kind = SignalKind::kFeatureShift};
  SiteUpdate& update = signal.updates.emplace_back();
  const auto tensor = [&update](const char* name, std::vector<int64_t> shape,
                                const std::vector<float>& values) {
    update.tensors.emplace(name, HostTensor::FromFloats(std::move(shape), values));
  };
  tensor("W_enc", {4, 2}, {1, 0, 0, 1, 1, 1, -1, 0});
  tensor("b_enc", {4}, {0, 0, 0, 0});
  tensor("W_dec", {4, 2}, {1, 0, 0, 1, 1, 1, 5, 5});
  if (!threshold.empty()) tensor("threshold", {4}, threshold);
  return std::make_shared<const SignalData>(std::move(signal));
}

using By = FeatureSelectionParams::By;

// x is 3 and 2 behind positive answers, 1 and -1 behind negative ones; y 1 and 0, 2 and 2.
std::optional<FeatureSelection::Selected> Selected(double trim, By by,
                                                   std::vector<float> threshold = {}) {
  FeatureSelection selection(
      {.trim = trim, .by = by, .autoencoder = Autoencoder(std::move(threshold))});
  selection.Add(std::vector<float>{3, 1}, std::vector<float>{1, 2});
  selection.Add(std::vector<float>{2, 0}, std::vector<float>{-1, 2});
  return selection.Select();
}

// Scores 2, -1.5, 1 and -0.5; frequencies 1, -1, 0 and -1.
TEST(FeatureSelectionTest, KeepsWhatTellsAnswersApartBothWays) {
  const auto all = Selected(0, By::kBoth);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->features, 3);  // the sum is above 0 everywhere
  EXPECT_THAT(all->direction, ElementsAre(2 - 2.5, -1.5 - 2.5));
  // Half of four scores, and all frequencies, which are alike.
  const auto half = Selected(0.5, By::kBoth);
  ASSERT_TRUE(half);
  EXPECT_EQ(half->features, 2);
  EXPECT_THAT(half->direction, ElementsAre(2, -1.5));
}

TEST(FeatureSelectionTest, MayGoByOneOfTheTwoAlone) {
  EXPECT_THAT(Selected(0.25, By::kActivation)->direction, ElementsAre(2 + 1, -1.5 + 1));
  EXPECT_THAT(Selected(0.9, By::kActivation)->direction, ElementsAre(2, 0));
  EXPECT_THAT(Selected(0.9, By::kFrequency)->direction, ElementsAre(2 - 2.5, -1.5 - 2.5));
}

TEST(FeatureSelectionTest, AFeatureBelowItsThresholdIsNotThere) {
  // x = 1 behind the first negative answer is below 2.5, as is x = 2 behind the second positive
  // one.
  const auto selected = Selected(0.9, By::kActivation, {2.5, 0, 0, 0});
  EXPECT_THAT(selected->direction, ElementsAre(1.5, -1.5)) << "of equal sizes";
}

TEST(FeatureSelectionTest, SwappedAnswersTurnItAround) {
  FeatureSelection swapped({.trim = 0.5, .autoencoder = Autoencoder()});
  swapped.Add(std::vector<float>{1, 2}, std::vector<float>{3, 1});
  swapped.Add(std::vector<float>{-1, 2}, std::vector<float>{2, 0});
  EXPECT_THAT(swapped.Select()->direction, ElementsAre(-2, 1.5));
}

TEST(FeatureSelectionTest, EqualAnswersKeepNothing) {
  FeatureSelection selection({.autoencoder = Autoencoder()});
  selection.Add(std::vector<float>{3, 1}, std::vector<float>{3, 1});
  EXPECT_FALSE(selection.Select());
}

TEST(FeatureSelectionTest, ParametersAreChecked) {
  const auto reason = [](FeatureSelectionParams params) {
    return Validate(ExtractionParams{.method = std::move(params)}).ToString();
  };
  EXPECT_EQ(reason({.autoencoder = Autoencoder()}), "OK");
  EXPECT_THAT(reason({.trim = 1, .autoencoder = Autoencoder()}),
              HasSubstr("feature_selection.trim"));
  EXPECT_THAT(reason({}), HasSubstr("feature_selection.autoencoder: got none"));
  EXPECT_THAT(reason({.autoencoder = std::make_shared<const SignalData>()}),
              HasSubstr("got a vector at 0 sites"));
}

}  // namespace
}  // namespace steer

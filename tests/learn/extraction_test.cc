#include "core/learn/extraction.h"

#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/learn/planted.h"

namespace steer {
namespace {

// Activations planted by the text: the mean over the tokens that are read of (id + layer, 2 id, 1).
absl::StatusOr<std::vector<LayerActivation>> Planted(const ReadText& text,
                                                     std::span<const int> layers) {
  float sum = 0;
  for (int i = text.read.begin; i < text.read.end; ++i) sum += text.text.tokens[i];
  const float mean = sum / static_cast<float>(text.read.end - text.read.begin);
  std::vector<LayerActivation> activations;
  for (const int layer : layers) {
    const TokenRange ordinary = OrdinaryTokens(text.text);
    activations.push_back({.mean = {mean + static_cast<float>(layer), 2 * mean, 1},
                           .norms = {.sum = 5.0 * (ordinary.end - ordinary.begin),
                                     .tokens = ordinary.end - ordinary.begin}});
  }
  return activations;
}

ReadText Text(std::vector<TokenId> answer) {
  ReadText text;
  text.text.tokens = {100, 101};
  text.text.layout.prompt_length = 2;
  text.text.tokens.insert(text.text.tokens.end(), answer.begin(), answer.end());
  text.read = {2, static_cast<int>(text.text.tokens.size())};
  return text;
}

const std::vector<ReadPair> kPairs = {{Text({4, 6}), Text({1})}, {Text({10}), Text({2, 4})}};
const ExtractionMethod kMethods[] = {DifferenceOfMeansParams{}, PrincipalComponentParams{},
                                     LinearProbeParams{}};
bool GoOn(int /*done*/, int /*total*/) { return true; }

Extraction Learn(const std::vector<ReadPair>& pairs, const ExtractionParams& params) {
  auto made = Extract(pairs, std::vector<int>{3}, params, Planted, GoOn);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? std::move(made->front()) : Extraction();
}

std::vector<float> Values(const Extraction& extraction) {
  const auto values = extraction.v.floats();
  return {values.begin(), values.end()};
}

void ExpectNear(const std::vector<float>& v, const std::vector<float>& expected,
                double tolerance = 1e-6) {
  ASSERT_EQ(v.size(), expected.size());
  for (size_t i = 0; i < v.size(); ++i) EXPECT_NEAR(v[i], expected[i], tolerance) << i;
}

std::vector<ReadPair> Swapped(std::vector<ReadPair> pairs) {
  for (ReadPair& pair : pairs) std::swap(pair.positive, pair.negative);
  return pairs;
}

TEST(ExtractionTest, FindsThePlantedDifferenceOfMeans) {
  // Means 5 - 1 and 10 - 3: the average difference is 5.5; what is common cancels.
  const Extraction made = Learn(kPairs, {});
  EXPECT_EQ(Values(made), (std::vector<float>{5.5, 11, 0}));
  EXPECT_EQ(made.layer, 3);
  EXPECT_NEAR(made.norm, std::hypot(5.5, 11), 1e-9);
  EXPECT_EQ(made.norm, made.difference_norm);
  // Behind the first token: 3 and 2 tokens, 2 and 3.
  EXPECT_EQ(made.activation_norms.tokens, 10);
  EXPECT_EQ(made.activation_norms.Mean(), 5);
  EXPECT_FALSE(made.explained_share || made.accuracy || made.held_out_accuracy);
}

TEST(ExtractionTest, AKvDifferenceIsOneOfMeansAndTurnsWithThePairs) {
  const Extraction made = Learn(kPairs, {.method = KvDifferenceParams{}});
  EXPECT_EQ(Values(made), Values(Learn(kPairs, {})));
  std::vector<float> turned = Values(Learn(Swapped(kPairs), {.method = KvDifferenceParams{}}));
  for (float& value : turned) value = -value;
  EXPECT_EQ(turned, Values(made));
}

TEST(ExtractionTest, EveryMethodFindsTheOnlyDirectionThereIs) {
  const float x = 1 / std::sqrt(5.0F);
  for (const ExtractionMethod& method : kMethods) {
    const Extraction made = Learn(kPairs, {method, Reading::kAnswerMean, Normalisation::kUnit});
    ExpectNear(Values(made), {x, 2 * x, 0});
    EXPECT_NEAR(made.norm, 1, 1e-12) << Name(method);
    EXPECT_NEAR(made.difference_norm, std::hypot(5.5, 11), 1e-9);
  }
}

TEST(ExtractionTest, ExchangingTheAnswersFlipsTheSign) {
  for (const ExtractionMethod& method : kMethods) {
    std::vector<float> flipped = Values(Learn(Swapped(kPairs), {method}));
    for (float& value : flipped) value = -value;
    ExpectNear(flipped, Values(Learn(kPairs, {method})));
  }
}

TEST(ExtractionTest, DuplicatingTheDataChangesNothing) {
  const PlantedPairs planted(20, 6, 7);
  for (const ExtractionMethod& method : kMethods) {
    const auto once = planted.Learn({method});
    const auto twice = planted.Twice().Learn({method});
    ASSERT_TRUE(once.ok() && twice.ok()) << Name(method);
    ExpectNear(Values(*twice), Values(*once));
    EXPECT_NEAR(twice->norm, once->norm, 1e-6);
    EXPECT_EQ(twice->accuracy, once->accuracy);
  }
}

TEST(ExtractionTest, NormalisesToOneOrToTheActivations) {
  for (const ExtractionMethod& method : kMethods) {
    const auto norm = [&](Normalisation normalisation) {
      return Learn(kPairs, {method, Reading::kAnswerMean, normalisation}).norm;
    };
    EXPECT_NEAR(norm(Normalisation::kUnit), 1, 1e-12);
    EXPECT_NEAR(norm(Normalisation::kActivationNorm), 5, 1e-12);
    const bool direction = !std::holds_alternative<DifferenceOfMeansParams>(method);
    EXPECT_NEAR(norm(Normalisation::kNone), direction ? 1 : std::hypot(5.5, 11), 1e-9);
  }
}

// Noise in all directions; what is planted is twice its deviation in one of them.
TEST(ExtractionTest, FindsAPlantedDirectionInNoise) {
  const PlantedPairs planted(400, 24, 1);
  for (const ExtractionMethod& method : kMethods) {
    const auto made = planted.Learn({method, Reading::kAnswerMean, Normalisation::kUnit});
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_GT(planted.Cosine(*made), 0.97) << Name(method);
    if (!std::holds_alternative<LinearProbeParams>(method)) continue;
    EXPECT_GT(*made->accuracy, 0.75);
    EXPECT_GT(*made->held_out_accuracy, 0.72);
    EXPECT_LE(*made->held_out_accuracy, *made->accuracy);
  }
}

// More dimensions than activations: any labels can be told apart, but those left out cannot.
TEST(ExtractionTest, HeldOutAccuracyTellsThatNothingWasFound) {
  const PlantedPairs noise(40, 200, 2, /*strength=*/0);
  const auto made = noise.Learn({LinearProbeParams{.l2 = 1e-4}});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*made->accuracy, 1);
  EXPECT_LT(*made->held_out_accuracy, 0.65);
}

// The concept is the same in every pair; what they disagree about is another direction.
TEST(ExtractionTest, ACentredComponentIsWhatPairsDisagreeAbout) {
  std::vector<ReadPair> pairs;
  for (const TokenId id : {1, 2, 4, 7}) pairs.push_back({Text({id}), Text({0})});
  const auto read =
      [](const ReadText& text,
         std::span<const int> /*layers*/) -> absl::StatusOr<std::vector<LayerActivation>> {
    const float id = text.text.tokens.back();
    return std::vector<LayerActivation>{{.mean = {id > 0 ? 100.0F : 0.0F, id}, .norms = {1, 1}}};
  };
  const auto learn = [&](bool centred) {
    auto made =
        Extract(pairs, std::vector<int>{0}, {PrincipalComponentParams{centred}}, read, GoOn);
    EXPECT_TRUE(made.ok()) << made.status();
    return std::move(made->front());
  };
  EXPECT_GT(learn(false).v.floats()[0], 0.99);
  EXPECT_GT(*learn(false).explained_share, 0.99);
  ExpectNear(Values(learn(true)), {0, 1});
  EXPECT_NEAR(*learn(true).explained_share, 1, 1e-12);
}

TEST(ExtractionTest, EqualAnswersGiveNothing) {
  const std::vector<ReadPair> equal = {{Text({4}), Text({4})}, {Text({9}), Text({9})}};
  EXPECT_EQ(Values(Learn(equal, {})), (std::vector<float>{0, 0, 0}));
  for (const ExtractionMethod& method : kMethods) {
    const auto made = Extract(equal, std::vector<int>{3},
                              {method, Reading::kAnswerMean, Normalisation::kUnit}, Planted, GoOn);
    ASSERT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument) << Name(method);
    EXPECT_EQ(DetailOf(made.status())->field, "pairs");
    EXPECT_NE(made.status().message().find("layer 3"), absl::string_view::npos);
  }
  // Pairs beside their own exchange: a component, but no side of it.
  std::vector<ReadPair> both = kPairs;
  for (const ReadPair& pair : Swapped(kPairs)) both.push_back(pair);
  const auto made = Extract(both, std::vector<int>{3}, {PrincipalComponentParams{}}, Planted, GoOn);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
  // Differences that are all alike have none of their own.
  const std::vector<ReadPair> alike = {{Text({4}), Text({1})}, {Text({9}), Text({6})}};
  EXPECT_FALSE(
      Extract(alike, std::vector<int>{3}, {PrincipalComponentParams{true}}, Planted, GoOn).ok());
  EXPECT_FALSE(Extract({}, std::vector<int>{3}, {}, Planted, GoOn).ok());
}

TEST(ExtractionTest, OneLayerOfSeveralIsThatLayerAlone) {
  const PlantedPairs planted(12, 40, 3);
  for (const ExtractionMethod& method : kMethods) {
    const std::vector<Extraction> several = planted.LearnLayers({0, 2, 5}, {method});
    ASSERT_EQ(several.size(), 3U);
    for (const Extraction& one : several) {
      const std::vector<Extraction> alone = planted.LearnLayers({one.layer}, {method});
      ASSERT_EQ(alone.size(), 1U);
      EXPECT_EQ(Values(alone.front()), Values(one)) << Name(method) << ", layer " << one.layer;
    }
    EXPECT_NE(Values(several[0]), Values(several[1]));
    EXPECT_EQ(planted.texts_read(), 12 * 2 * (1 + 3));  // once for the three, once for each
    planted.Forget();
  }
}

TEST(ExtractionTest, ActivationsThatAreNoNumbersAreToldSo) {
  const auto read =
      [](const ReadText& text,
         std::span<const int> /*layers*/) -> absl::StatusOr<std::vector<LayerActivation>> {
    const float id = static_cast<float>(text.text.tokens.back());
    return std::vector<LayerActivation>{{.mean = {id, id > 5 ? INFINITY : id}}};
  };
  for (const ExtractionMethod& method : kMethods) {
    const absl::Status status = Extract(kPairs, std::vector<int>{3}, {method}, read, GoOn).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
  }
}

TEST(ExtractionTest, RefusesActivationsOfDifferentWidths) {
  const auto read =
      [](const ReadText& text,
         std::span<const int> /*layers*/) -> absl::StatusOr<std::vector<LayerActivation>> {
    return std::vector<LayerActivation>{{.mean = std::vector<float>(text.text.tokens.size())}};
  };
  EXPECT_TRUE(absl::IsInternal(Extract(kPairs, std::vector<int>{3}, {}, read, GoOn).status()));
}

TEST(ExtractionTest, StopsBetweenPairsAndBeforeALayer) {
  for (const int stop_at : {1, 2}) {
    int calls = 0;
    const auto made = Extract(kPairs, std::vector<int>{0}, {}, Planted, [&](int done, int total) {
      EXPECT_EQ(total, 2);
      ++calls;
      return done < stop_at;
    });
    EXPECT_TRUE(absl::IsCancelled(made.status()));
    EXPECT_EQ(calls, stop_at + 1);
  }
}

TEST(ExtractionTest, ParametersOutOfRangeAreNamed) {
  for (const double l2 : {0.0, -1.0, 1e7, std::nan("")}) {
    const absl::Status status = Validate(ExtractionParams{LinearProbeParams{.l2 = l2}});
    ASSERT_FALSE(status.ok()) << l2;
    EXPECT_EQ(DetailOf(status)->field, "linear_probe.l2");
    EXPECT_EQ(DetailOf(status)->allowed, "1e-06..1e+06");
  }
  EXPECT_TRUE(Validate(ExtractionParams{LinearProbeParams{.l2 = 1e-6}}).ok());
}

}  // namespace
}  // namespace steer

// Jobs that make vectors of activations, through the runtime on the tiny model.

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/runtime/learning_fixture.h"

namespace steer {
namespace {

const std::vector<PolarPair> kFourPairs = {{"the", "hello there", "an error"},
                                           {"what now", "go on", "stop it"},
                                           {"is it so", "hello", "no error"},
                                           {"and then", "hello, go on", "an error, stop"}};

class ExtractionJobTest : public LearningFixture {
 protected:
  // Mean preference of the pairs at these multipliers.
  std::vector<double> Preference(const std::string& signal, std::vector<double> multipliers) {
    ScoreSpec score;
    score.pairs = kFourPairs;
    score.both_spellings = false;
    score.controls = {{.signal = signal}};
    score.multipliers = std::move(multipliers);
    std::vector<double> preference;
    const auto collect = [&](const ScorePoint& point) {
      preference.push_back(point.mean.preference);
      return true;
    };
    EXPECT_TRUE(runtime_->Score(score, [] { return false; }, {.on_point = collect}).ok());
    return preference;
  }
};

TEST_F(ExtractionJobTest, EveryMethodMakesASignalThatSteers) {
  for (const ExtractionMethod& method :
       {ExtractionMethod(DifferenceOfMeansParams{}), ExtractionMethod(PrincipalComponentParams{}),
        ExtractionMethod(LinearProbeParams{})}) {
    const JobRecord job =
        Ended({.pairs = kFourPairs,
               .learner = ExtractionSpec{{method, Reading::kAnswerMean, Normalisation::kNone}, 1},
               .alias = "made",
               .promote = true});
    ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
    EXPECT_EQ(job.learner, Name(method));
    EXPECT_EQ(job.done, static_cast<int>(kFourPairs.size()));
    EXPECT_EQ(job.outcome.results.at("layer"), 1);
    EXPECT_EQ(job.outcome.results.at("pairs"), kFourPairs.size());
    EXPECT_GT(job.outcome.results.at("mean_activation_norm"), 0);
    EXPECT_GT(job.outcome.results.at("activation_tokens"), 2 * kFourPairs.size());
    EXPECT_EQ(job.outcome.results.contains("explained_share"),
              std::holds_alternative<PrincipalComponentParams>(method));
    EXPECT_EQ(job.outcome.results.contains("held_out_accuracy"),
              std::holds_alternative<LinearProbeParams>(method));
    const auto record = runtime_->signals().Get("made");
    ASSERT_TRUE(record.ok());
    EXPECT_TRUE(record->default_positions.exclude_template_head);
    // Out to where it adds a tenth of what there is.
    const double step =
        0.1 * job.outcome.results.at("mean_activation_norm") / job.outcome.results.at("norm");
    const std::vector<double> preference = Preference("made", {-step, 0, step});
    ASSERT_EQ(preference.size(), 3U);
    // Where to is for a trained model to tell: see tests/parity.
    EXPECT_GT(std::abs(preference[2] - preference[0]), 1e-3) << Name(method);
    // The same pairs, the same signal.
    const JobRecord again =
        Ended({.pairs = kFourPairs,
               .learner = ExtractionSpec{{method, Reading::kAnswerMean, Normalisation::kNone}, 1}});
    EXPECT_EQ(again.outcome.signal_id, job.outcome.signal_id);
  }
}

TEST_F(ExtractionJobTest, ReadingAndNormalisationChangeWhatIsMade) {
  const std::vector<PolarPair> letters = {{"the", "(A) go on", "(B) stop it"},
                                          {"now", "(B) hello there", "(A) an error"}};
  std::vector<std::string> ids;
  for (const Reading reading : {Reading::kAnswerMean, Reading::kAnswerFirst, Reading::kAnswerLast,
                                Reading::kAnswerLetter, Reading::kTextMean}) {
    const JobRecord job = Ended(
        {.pairs = letters,
         .learner = ExtractionSpec{{DifferenceOfMeansParams{}, reading, Normalisation::kUnit}}});
    // The tokenizer of bytes begins both answers with the same bracket.
    if (reading == Reading::kAnswerFirst) {
      EXPECT_EQ(job.state, JobState::kFailed);
      EXPECT_EQ(DetailOf(job.status)->field, "pairs");
      continue;
    }
    ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
    EXPECT_NEAR(job.outcome.results.at("norm"), 1, 1e-6);
    EXPECT_EQ(job.outcome.results.at("layer"), 1);  // the middle one
    ids.push_back(job.outcome.signal_id);
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(ids[i], ids[j]);
  }
}

TEST_F(ExtractionJobTest, WhatTheModelCannotReadIsRefusedBeforeTheJob) {
  const auto field = [&](const ExtractionSpec& extraction) {
    const auto job = runtime_->StartJob({.pairs = kFourPairs, .learner = extraction});
    const auto detail = DetailOf(job.status());
    return detail ? detail->field : job.status().ToString();
  };
  EXPECT_EQ(field({.layer = 3}), "extraction.layer");
  EXPECT_EQ(field({.params = {LinearProbeParams{.l2 = 0}}}), "extraction.linear_probe.l2");
  EXPECT_EQ(field({.params = {{}, Reading::kAnswerLetter}}), "pairs[0].positive");
  const ExtractionParams kv = {.method = KvDifferenceParams{}};
  EXPECT_EQ(field({.params = kv, .layer = 1}), "extraction.layer");
  for (const int first : {-1, 3}) {
    EXPECT_EQ(field({.params = {KvDifferenceParams{.first_layer = first}}}),
              "extraction.kv_difference.first_layer");
  }
  EXPECT_EQ(field({.params = {KvDifferenceParams{.key_factor = -1}}}),
            "extraction.kv_difference.key_factor");
  EXPECT_EQ(field({.params = {KvDifferenceParams{}, {}, Normalisation::kUnit}}),
            "extraction.normalisation");
  EXPECT_EQ(field({.params = {.method = KvDifferenceParams{}, .attribution = AttributionParams{}}}),
            "extraction.attribution");
  const auto searched = runtime_->StartJob({.pairs = kFourPairs,
                                            .held_out = kFourPairs,
                                            .learner = ExtractionSpec{kv},
                                            .search = LayerSearch{.layers = {1, 2}}});
  EXPECT_EQ(DetailOf(searched.status())->field, "search") << searched.status();
}

TEST_F(ExtractionJobTest, AKvDifferenceIsOneSignalOfAllLayersThatTurnsWithItsPairs) {
  const auto learnt = [&](const KvDifferenceParams& kv, const std::vector<PolarPair>& pairs) {
    const JobRecord job = Ended({.pairs = pairs,
                                 .held_out = kFourPairs,
                                 .learner = ExtractionSpec{{kv, Reading::kAnswerLast}},
                                 .alias = "kv",
                                 .promote = true});
    EXPECT_EQ(job.state, JobState::kSucceeded) << job.status;
    EXPECT_EQ(job.learner, "kv_difference");
    EXPECT_FALSE(job.outcome.curve_id.empty());
    auto signal = runtime_->signals().Load(job.outcome.signal_id);
    EXPECT_TRUE(signal.ok()) << signal.status();
    return *std::move(signal);
  };
  const SignalData both = learnt({.first_layer = 1, .key_factor = 0.5}, kFourPairs);
  EXPECT_EQ(both.kind, SignalKind::kKv);
  EXPECT_FALSE(both.default_positions.generated);
  ASSERT_EQ(both.updates.size(), 2U);
  std::vector<PolarPair> swapped = kFourPairs;
  for (PolarPair& pair : swapped) std::swap(pair.positive, pair.negative);
  const SignalData turned = learnt({.first_layer = 1, .key_factor = 0.5}, swapped);
  const SignalData values = learnt({}, kFourPairs);
  for (size_t i = 0; i < both.updates.size(); ++i) {
    EXPECT_EQ(ToString(both.updates[i].site), absl::StrCat("layers.", i + 1, ".kv"));
    for (const char* name : {"S_k", "S_v"}) {
      const HostTensor& tensor = both.updates[i].tensors.at(name);
      EXPECT_EQ(tensor.shape, (std::vector<int64_t>{2, 16}));
      const auto other = turned.updates[i].tensors.at(name).floats();
      for (size_t j = 0; j < other.size(); ++j) EXPECT_EQ(other[j], -tensor.floats()[j]);
    }
    EXPECT_FALSE(values.updates[i].tensors.contains("S_k"));
    EXPECT_EQ(values.updates[i].tensors.at("S_v").data, both.updates[i].tensors.at("S_v").data);
  }
  const std::vector<double> preference = Preference("kv", {-5, 0, 5});
  EXPECT_GT(std::abs(preference[2] - preference[0]), 1e-3);
}

// v+ - v-, and swapping the answers turns round what speaks for which.
TEST_F(ExtractionJobTest, TokensThatMatterMakeAVectorToo) {
  const auto made = [&](AttributionParams::Side side, const std::vector<PolarPair>& pairs) {
    ExtractionParams params = {.method = DifferenceOfMeansParams{},
                               .reading = Reading::kAnswerLast,
                               .attribution = AttributionParams{.tokens = 2, .steps = 4}};
    params.attribution->side = side;
    const JobRecord job = Ended({.pairs = pairs, .learner = ExtractionSpec{params, 1}});
    EXPECT_EQ(job.state, JobState::kSucceeded) << job.status;
    EXPECT_EQ(job.done, job.total);
    const auto signal = runtime_->signals().Load(job.outcome.signal_id);
    EXPECT_TRUE(signal.ok()) << signal.status();
    const std::span<const float> v = signal->updates.front().tensors.at("v").floats();
    return std::vector<float>(v.begin(), v.end());
  };
  using Side = AttributionParams::Side;
  const std::vector<float> both = made(Side::kBoth, kFourPairs);
  const std::vector<float> positive = made(Side::kPositive, kFourPairs);
  const std::vector<float> negative = made(Side::kNegative, kFourPairs);
  std::vector<PolarPair> swapped = kFourPairs;
  for (PolarPair& pair : swapped) std::swap(pair.positive, pair.negative);
  const std::vector<float> of_swapped = made(Side::kPositive, swapped);
  for (size_t i = 0; i < both.size(); ++i) {
    EXPECT_NEAR(both[i], positive[i] + negative[i], 1e-5);
    EXPECT_NEAR(of_swapped[i], -negative[i], 1e-5);
  }
}

}  // namespace
}  // namespace steer

// Vectors made of activations against hidden states of transformers, numpy's singular vectors and
// torch's optimiser (make_extraction_goldens.py): from raw text to the stored signal, in f32.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "core/runtime/activation_reader.h"
#include "nlohmann/json.hpp"
#include "tests/parity/parity_engine.h"
#include "tests/runtime/runtime_fixture.h"

namespace steer {
namespace {

// Of a vector's length, and of a number.
constexpr double kRelative = 1e-3;

class ExtractionParityTest : public RuntimeFixture {
 protected:
  void SetUp() override {
    RuntimeFixture::SetUp();
    runtime_.reset();
    options_.model_path = RequiredEnv("STEER_TEST_MODEL");
    options_.kv_cache_mib = 64;
    Start();
    std::ifstream in(STEER_TEST_DATA "/extraction_goldens.json");
    goldens_ = nlohmann::json::parse(in);
  }

  static Reading ToReading(const std::string& name) {
    if (name == "answer_first") return Reading::kAnswerFirst;
    if (name == "answer_last") return Reading::kAnswerLast;
    if (name == "answer_letter") return Reading::kAnswerLetter;
    if (name == "text_mean") return Reading::kTextMean;
    EXPECT_EQ(name, "answer_mean");
    return Reading::kAnswerMean;
  }

  static ExtractionMethod ToMethod(const nlohmann::json& golden) {
    const std::string name = golden["method"];
    if (name == "principal_component")
      return PrincipalComponentParams{.centred = golden.value("centred", false)};
    if (name == "linear_probe")
      return LinearProbeParams{.l2 = golden.value("l2", LinearProbeParams().l2)};
    EXPECT_EQ(name, "difference_of_means");
    return DifferenceOfMeansParams{};
  }

  std::vector<PolarPair> Pairs(const std::string& data) const {
    std::vector<PolarPair> pairs;
    for (const nlohmann::json& pair : goldens_["pairs"][data])
      pairs.push_back({pair[0], pair[1], pair[2]});
    return pairs;
  }

  JobRecord Learn(const nlohmann::json& golden) {
    LearnSpec spec;
    spec.pairs = Pairs(golden["data"]);
    spec.learner = ExtractionSpec{.params = {ToMethod(golden), ToReading(golden["reading"])},
                                  .layer = golden["layer"]};
    return Ended(spec);
  }

  JobRecord Ended(const LearnSpec& spec) {
    const auto job = runtime_->StartJob(spec);
    EXPECT_TRUE(job.ok()) << job.status();
    JobRecord last;
    if (!job.ok()) return last;
    const auto on_change = [&last](const JobRecord& record) {
      last = record;
      return true;
    };
    EXPECT_TRUE(runtime_->jobs().Watch(job->id, on_change, [] { return false; }).ok());
    return last;
  }

  std::vector<float> VectorOf(const std::string& signal) {
    const auto data = runtime_->signals().Load(signal);
    EXPECT_TRUE(data.ok()) << data.status();
    const auto values = data->updates.front().tensors.at("v").floats();
    return {values.begin(), values.end()};
  }

  nlohmann::json goldens_;
  const Goldens vectors_{"extraction_goldens.safetensors"};
};

TEST_F(ExtractionParityTest, EveryMethodAndReadingIsTheReferences) {
  double worst = 0;
  ASSERT_EQ(goldens_["cases"].size(), 3 * 5 + 3U);
  for (const nlohmann::json& golden : goldens_["cases"]) {
    const std::string name = golden["name"];
    const JobRecord job = Learn(golden);
    ASSERT_EQ(job.state, JobState::kSucceeded) << name << ": " << job.status;
    for (const auto& [key, value] : golden["results"].items()) {
      const double expected = value;
      ASSERT_TRUE(job.outcome.results.contains(key)) << name << ": " << key;
      EXPECT_NEAR(job.outcome.results.at(key), expected, kRelative * expected)
          << name << ": " << key;
    }
    const std::vector<float> v = VectorOf(job.outcome.signal_id);
    const std::vector<float> expected = vectors_.Get<float>(name);
    ASSERT_EQ(v.size(), expected.size());
    double apart = 0, whole = 0;
    for (size_t i = 0; i < v.size(); ++i) {
      apart += std::pow(v[i] - expected[i], 2);
      whole += std::pow(expected[i], 2);
    }
    const double relative = std::sqrt(apart / whole);
    EXPECT_LT(relative, kRelative) << name;
    worst = std::max(worst, relative);
  }
  std::printf("a vector is apart by at most %.2g of its length\n", worst);
}

// Learnt from six pairs, told by four others: a tenth of what there is moves preference upwards.
TEST_F(ExtractionParityTest, EveryMethodPointsAtThePositiveAnswers) {
  const std::vector<PolarPair> pairs = Pairs("power_seeking");
  ASSERT_EQ(pairs.size(), 10U);
  for (const ExtractionMethod& method :
       {ExtractionMethod(DifferenceOfMeansParams{}), ExtractionMethod(PrincipalComponentParams{}),
        ExtractionMethod(LinearProbeParams{})}) {
    ExtractionSpec extraction{.layer = 14};
    extraction.params = {method, Reading::kAnswerMean, Normalisation::kActivationNorm};
    const JobRecord job =
        Ended({.pairs = {pairs.begin(), pairs.begin() + 6}, .learner = extraction});
    ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
    ScoreSpec score;
    score.pairs = {pairs.begin() + 6, pairs.end()};
    score.both_spellings = false;
    score.controls = {{.signal = job.outcome.signal_id}};
    score.multipliers = {-0.1, 0.1};
    std::vector<double> preference;
    const auto collect = [&](const ScorePoint& point) {
      preference.push_back(point.mean.preference);
      return true;
    };
    ASSERT_TRUE(runtime_->Score(score, [] { return false; }, {.on_point = collect}).ok());
    ASSERT_EQ(preference.size(), 2U);
    EXPECT_GT(preference[1], preference[0] + 0.05) << Name(method);
    std::printf("%s: preference %.3f at -0.1 |h|, %.3f at 0.1 |h|\n",
                std::string(Name(method)).c_str(), preference[0], preference[1]);
  }
}

TEST(ActivationReaderTest, OnePassForSeveralLayersIsAPassForEach) {
  const auto decoder = LoadDecoder(RequiredEnv("STEER_TEST_MODEL"));
  ParityEngine engine(decoder, 64);
  const ReadActivations read = MakeActivationReader(&engine.engine(), decoder);
  ReadText text;
  for (TokenId id = 100; id < 130; ++id) text.text.tokens.push_back(id);
  text.text.layout = {.prompt_length = 20, .head_length = 4};
  text.read = {21, 27};
  const std::vector<int> layers = {0, 7, 15, 29};
  const auto several = read(text, layers);
  ASSERT_TRUE(several.ok()) << several.status();
  ASSERT_EQ(several->size(), layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto alone = read(text, {&layers[i], 1});
    ASSERT_TRUE(alone.ok()) << alone.status();
    EXPECT_EQ(alone->front().mean, (*several)[i].mean) << "layer " << layers[i];
    EXPECT_EQ(alone->front().norms.sum, (*several)[i].norms.sum);
    EXPECT_EQ((*several)[i].norms.tokens, 26);
    if (i > 0) {
      EXPECT_NE((*several)[i].mean, (*several)[0].mean);
    }
  }
}

}  // namespace
}  // namespace steer

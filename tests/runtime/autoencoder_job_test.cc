// Jobs that learn through a registered autoencoder, and from pairs of questions, through the
// runtime on the tiny model.

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/learning_fixture.h"
#include "tests/support/random_signal.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

class AutoencoderJobTest : public LearningFixture {
 protected:
  std::string Autoencoder() {
    SignalData data = {.kind = SignalKind::kFeatureShift, .marks = runtime_->model().marks};
    data.updates.push_back(
        {.site = {1, SiteKind::kBlockOut},
         .tensors = RandomChange(SignalKind::kFeatureShift, runtime_->model().shape.hidden, 1, 3)});
    return MustRegister(data);
  }
  static TrainSpec Shift(const std::string& autoencoder) {
    return {.carrier = {.kind = SignalKind::kFeatureShift},
            .params = {.objective = SimpoParams{.l1 = 0.01}, .steps = 3, .learning_rate = 0.01},
            .autoencoder = autoencoder};
  }
  SignalData Learnt(const JobRecord& job) {
    EXPECT_EQ(job.state, JobState::kSucceeded) << job.status;
    const auto signal = runtime_->signals().Load(job.outcome.signal_id);
    EXPECT_TRUE(signal.ok()) << signal.status();
    return signal.ok() ? *signal : SignalData();
  }
};

TEST_F(AutoencoderJobTest, AFeatureShiftStandsWhereTheAutoencoderDoes) {
  const std::string autoencoder = Autoencoder();
  const SignalData before = *runtime_->signals().Load(autoencoder);
  const SignalData learnt =
      Learnt(Ended({.pairs = kPairs, .held_out = kPairs, .learner = Shift(autoencoder)}));
  EXPECT_EQ(learnt.kind, SignalKind::kFeatureShift);
  ASSERT_EQ(learnt.updates.size(), 1U);
  EXPECT_EQ(ToString(learnt.updates[0].site), "layers.1.block_out");
  EXPECT_EQ(learnt.updates[0].tensors.at("W_dec").data, before.updates[0].tensors.at("W_dec").data);
  EXPECT_NE(learnt.updates[0].tensors.at("W_a").data, before.updates[0].tensors.at("W_a").data);
}

TEST_F(AutoencoderJobTest, FeaturesAreSelectedWhereTheAutoencoderIs) {
  ExtractionSpec spec;
  spec.params.method.emplace<FeatureSelectionParams>().trim = 0.2;
  spec.autoencoder = Autoencoder();
  const JobRecord job = Ended({.pairs = kPairs, .learner = spec});
  const SignalData learnt = Learnt(job);
  ASSERT_EQ(learnt.updates.size(), 1U);
  EXPECT_EQ(ToString(learnt.updates[0].site), "layers.1.block_out");
  EXPECT_EQ(job.learner, "feature_selection");
  EXPECT_GE(job.outcome.results.at("features"), 1);
  EXPECT_NEAR(job.outcome.results.at("norm"), job.outcome.results.at("difference_norm"), 1e-4);
}

TEST_F(AutoencoderJobTest, WhatIsNoAutoencoderOfThereIsRefused) {
  const std::string autoencoder = Autoencoder(), vector = MustRegister(Vector(1));
  const auto reason = [this](LearnSpec spec) {
    spec.pairs = kPairs;
    return runtime_->StartJob(std::move(spec)).status().ToString();
  };
  EXPECT_THAT(reason({.learner = Shift(vector)}), HasSubstr("training.autoencoder: got a vector"));
  EXPECT_THAT(reason({.learner = Shift(std::string(64, 'a'))}), HasSubstr("NOT_FOUND"));
  TrainSpec elsewhere = Shift(autoencoder);
  elsewhere.carrier.places = {{{2, SiteKind::kBlockOut}, Read::kSiteInput}};
  EXPECT_THAT(reason({.learner = elsewhere}), HasSubstr("layers.1.block_out"));
  TrainSpec useless = Shift(autoencoder);
  useless.carrier.kind = SignalKind::kVector;
  EXPECT_THAT(reason({.learner = useless}),
              HasSubstr("training.autoencoder: got one for a vector"));
  const ExtractionParams selection = {.method = FeatureSelectionParams{}};
  EXPECT_THAT(reason({.learner = ExtractionSpec{selection, 2, autoencoder}}),
              HasSubstr("extraction.layer: got 2, allowed: 1"));
  EXPECT_THAT(reason({.learner = ExtractionSpec{selection, -1, vector}}),
              HasSubstr("extraction.feature_selection.autoencoder: got a vector"));
}

TEST_F(AutoencoderJobTest, AClampIsLearntFromPairsOfQuestions) {
  std::vector<PolarPair> pairs = kPairs;
  for (PolarPair& pair : pairs) pair.negative_question = "not " + pair.question;
  const TrainSpec cdas = {.carrier = {.kind = SignalKind::kClamp, .rank = 1},
                          .params = {.objective = CdasParams{}, .steps = 3, .learning_rate = 0.04}};
  const SignalData learnt = Learnt(Ended({.pairs = pairs, .held_out = pairs, .learner = cdas}));
  EXPECT_EQ(learnt.kind, SignalKind::kClamp);
  EXPECT_THAT(runtime_->StartJob({.pairs = kPairs, .learner = cdas}).status().ToString(),
              HasSubstr("pairs[0].negative_question: got none"));
  EXPECT_THAT(
      runtime_->StartJob({.pairs = pairs, .held_out = kPairs, .learner = cdas}).status().ToString(),
      HasSubstr("held_out.pairs[0].negative_question: got none"));
}

// Other learners take each answer behind its own question.
TEST_F(AutoencoderJobTest, OwnQuestionsChangeWhatIsExtracted) {
  const ExtractionSpec means = {.params = {.method = DifferenceOfMeansParams{}}};
  std::vector<PolarPair> pairs = kPairs;
  const std::string shared = Ended({.pairs = pairs, .learner = means}).outcome.signal_id;
  for (PolarPair& pair : pairs) pair.negative_question = pair.question;
  EXPECT_EQ(Ended({.pairs = pairs, .learner = means}).outcome.signal_id, shared);
  for (PolarPair& pair : pairs) pair.negative_question = "no, " + pair.question;
  EXPECT_NE(Ended({.pairs = pairs, .learner = means}).outcome.signal_id, shared);
}

// What cache steering reads: where only the prompts differ.
TEST_F(AutoencoderJobTest, TheEndOfPromptsIsReadWhereTheyDiffer) {
  const ExtractionSpec kv = {
      .params = {.method = KvDifferenceParams{.first_layer = 1}, .reading = Reading::kPromptLast}};
  EXPECT_THAT(runtime_->StartJob({.pairs = kPairs, .learner = kv}).status().ToString(),
              HasSubstr("pairs[0].negative_question: got none"));
  std::vector<PolarPair> pairs = kPairs;
  for (PolarPair& pair : pairs) {
    pair.negative = pair.positive;
    pair.negative_question = "no, " + pair.question;
  }
  const JobRecord job = Ended({.pairs = pairs, .learner = kv});
  EXPECT_EQ(Learnt(job).kind, SignalKind::kKv);
  EXPECT_GT(job.outcome.results.at("norm"), 0);
}

}  // namespace
}  // namespace steer

// Jobs that train signals, through the runtime on the tiny model.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/learning_fixture.h"

namespace steer {
namespace {

class TrainingJobTest : public LearningFixture {};

// Trained on a few pairs, a signal prefers them more at its factors than the plain model does.
TEST_F(TrainingJobTest, TrainsSignalsOfEveryKindThatMovePreference) {
  for (const SignalKind kind : {SignalKind::kVector, SignalKind::kLora, SignalKind::kLocalWeight}) {
    TrainSpec train;
    train.carrier.kind = kind;
    train.params = PublishedParams(SplitParams{}, kind);
    train.params.steps = 30;
    LearnSpec spec{.pairs = kPairs, .learner = train, .alias = "trained", .promote = true};
    int steps = 0;
    const JobRecord job = Ended(spec, &steps);
    ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
    EXPECT_EQ(job.learner, "split");
    EXPECT_EQ(steps, 30);
    EXPECT_EQ(job.done, 30);
    EXPECT_GT(job.outcome.results.at("tokens_per_second"), 0);
    const auto record = runtime_->signals().Get("trained");
    ASSERT_TRUE(record.ok());
    EXPECT_EQ(record->id, job.outcome.signal_id);
    EXPECT_EQ(record->default_positions.exclude_template_head, kind == SignalKind::kVector);

    ScoreSpec score;
    score.pairs = kPairs;
    score.both_spellings = false;
    score.controls = {{.signal = "trained"}};
    const double factor = train.params.schedule.factors.front();
    score.multipliers = {0, factor};
    std::vector<double> preference;
    const auto collect = [&](ScorePoint point) {
      preference.push_back(point.mean.preference);
      return true;
    };
    ASSERT_TRUE(runtime_->Score(score, [] { return false; }, {.on_point = collect}).ok());
    ASSERT_EQ(preference.size(), 2U);
    EXPECT_GT(preference[1], preference[0] + 0.05) << Name(kind);
    // The same seed, the same signal.
    EXPECT_EQ(Ended(spec).outcome.signal_id, job.outcome.signal_id);
  }
}

TEST_F(TrainingJobTest, HeldOutPairsGiveACurveThatIsKept) {
  TrainSpec train{.carrier = {SignalKind::kLora}};
  train.params = PublishedParams(SftParams{}, SignalKind::kLora);
  train.params.steps = 20;
  const LearnSpec spec{
      .pairs = {kPairs[0], kPairs[1]}, .held_out = {kPairs[2], kPairs[0]}, .learner = train};
  const JobRecord job = Ended(spec);
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
  EXPECT_EQ(job.outcome.results.at("held_out_pairs"), 2);
  const auto curve = runtime_->signals().GetCurve(job.outcome.curve_id);
  ASSERT_TRUE(curve.ok()) << curve.status();
  EXPECT_EQ(curve->signal_id, job.outcome.signal_id);
  EXPECT_EQ(curve->multipliers.front(), -3);
  EXPECT_EQ(curve->multipliers.back(), 3);
  EXPECT_EQ(curve->multipliers.size(), 25U);
}

TEST_F(TrainingJobTest, TrainingRefusesWhatTheModelCannotLearn) {
  const auto field = [&](const TrainSpec& train, const std::vector<PolarPair>& pairs = kPairs) {
    const auto job = runtime_->StartJob({.pairs = pairs, .learner = train});
    const auto detail = DetailOf(job.status());
    return detail ? detail->field : job.status().ToString();
  };
  TrainSpec train{.carrier = {.kind = SignalKind::kLora, .rank = 0}};
  EXPECT_EQ(field(train), "training.rank");
  train.carrier = {SignalKind::kVector, {{{3, SiteKind::kBlockOut}, {}}}};
  EXPECT_EQ(field(train), "training.layers.3.block_out");
  train.carrier = {SignalKind::kVector};
  train.params.learning_rate = -1;
  EXPECT_EQ(field(train), "training.learning_rate");
  train.params.learning_rate = 0.1;
  // Nothing of a user who says nothing.
  train.positions = PositionRule{.generated = false, .user_text_only = true};
  EXPECT_EQ(field(train, {{"", "hello there", "an error"}}), "training.positions");
  train.positions.reset();
  train.epochs = 1;
  train.params.schedule.factors = {};
  EXPECT_EQ(field(train), "training.factors");
}

TEST_F(TrainingJobTest, ATrainingJobIsCancelledBetweenTwoSteps) {
  TrainSpec train{.carrier = {SignalKind::kVector}};
  train.params = PublishedParams(SftParams{}, SignalKind::kVector);
  train.params.steps = 100000;
  const auto job = runtime_->StartJob({.pairs = kPairs, .learner = train, .alias = "never"});
  ASSERT_TRUE(job.ok()) << job.status();
  JobRecord last;
  const auto cancel_at_work = [&](const JobRecord& record) {
    last = record;
    if (record.training) {
      EXPECT_TRUE(runtime_->jobs().Cancel(job->id).ok());
    }
    return true;
  };
  ASSERT_TRUE(runtime_->jobs().Watch(job->id, cancel_at_work, [] { return false; }).ok());
  EXPECT_EQ(last.state, JobState::kCancelled);
  EXPECT_LT(last.done, 100000);
  EXPECT_TRUE(absl::IsNotFound(runtime_->signals().Get("never").status()));
}

TEST_F(TrainingJobTest, HeldOutPairsAreLookedAtAndEndARunThatGetsNoBetter) {
  TrainSpec train{.carrier = {SignalKind::kVector}};
  train.params = PublishedParams(SftParams{}, SignalKind::kVector);
  train.params.steps = 400;
  train.early_stop = {.every = 2, .patience = 2};
  LearnSpec spec{.pairs = {kPairs[0]}, .held_out = {kPairs[1]}, .learner = train};
  int steps = 0;
  std::optional<HeldOutReport> report;
  const JobRecord job = Ended(spec, &steps, &report);
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
  EXPECT_LT(steps, 400);
  const std::map<std::string, double>& results = job.outcome.results;
  EXPECT_EQ(results.at("steps"), steps);
  EXPECT_EQ(results.at("best_step"), steps - 4);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->step, steps);
  EXPECT_GE(report->loss, results.at("best_held_out_loss"));
  EXPECT_GT(results.at("mean_change_norm"), 0);
  EXPECT_NEAR(results.at("mean_change_norm"), results.at("norm"), 1e-4);  // of a vector
  EXPECT_GT(results.at("mean_activation_norm"), 0);

  spec.held_out.clear();
  const auto refused = runtime_->StartJob(spec);
  EXPECT_EQ(DetailOf(refused.status())->field, "training.patience");
}

TEST_F(TrainingJobTest, ASearchJudgesLayersAndSuggestsOne) {
  TrainSpec train{.carrier = {SignalKind::kLora}};
  train.params = PublishedParams(SplitParams{}, SignalKind::kLora);
  train.params.steps = 20;
  LearnSpec spec{.pairs = kPairs,
                 .held_out = kPairs,
                 .learner = train,
                 .search = LayerSearch{.layers = {2, 0}, .max_utility_loss = 5},
                 .alias = "found"};
  const JobRecord job = Ended(spec);
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
  const std::vector<LayerOutcome>& layers = job.outcome.layers;
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].layer, 2);
  EXPECT_EQ(layers[1].layer, 0);
  double most = 0;
  for (const LayerOutcome& layer : layers) {
    const auto signal = runtime_->signals().Get(layer.signal_id);
    ASSERT_TRUE(signal.ok()) << signal.status();
    EXPECT_EQ(signal->sites.front(), "layers." + std::to_string(layer.layer) + ".block_out");
    EXPECT_TRUE(runtime_->signals().GetCurve(layer.curve_id).ok());
    most = std::max(most, layer.preference_gain.value_or(0));
  }
  EXPECT_GT(most, 0);
  const size_t best = layers[0].preference_gain.value_or(0) == most ? 0 : 1;
  EXPECT_EQ(job.outcome.signal_id, layers[best].signal_id);
  EXPECT_EQ(job.outcome.curve_id, layers[best].curve_id);
  EXPECT_EQ(runtime_->signals().Get("drafts/found")->id, job.outcome.signal_id);
  EXPECT_EQ(job.done, job.total);

  spec.search->layers = {3};
  EXPECT_EQ(DetailOf(runtime_->StartJob(spec).status())->field, "search.layers");
  spec.search->layers = {1};
  spec.held_out.clear();
  EXPECT_EQ(DetailOf(runtime_->StartJob(spec).status())->field, "held_out");
}

// Swapping the pairs swaps the halves, so the difference turns round.
TEST_F(TrainingJobTest, APreferenceVectorIsTheDifferenceOfTwoRuns) {
  for (const SignalKind kind : {SignalKind::kVector, SignalKind::kLora}) {
    TrainSpec train{.carrier = {.kind = kind, .rank = 2}, .subtract_swapped = true};
    train.params = PublishedParams(DpoParams{.beta = 1}, kind);
    train.params.steps = 10;
    LearnSpec spec{.pairs = kPairs, .learner = train};
    const JobRecord job = Ended(spec);
    ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
    EXPECT_EQ(job.done, 20);
    EXPECT_EQ(job.total, 20);
    for (PolarPair& pair : spec.pairs) std::swap(pair.positive, pair.negative);
    const JobRecord other = Ended(spec);
    ASSERT_EQ(other.state, JobState::kSucceeded) << other.status;
    const auto tensors = [&](const JobRecord& record) {
      return runtime_->signals().Load(record.outcome.signal_id)->updates.front().tensors;
    };
    if (kind == SignalKind::kVector) {
      const auto one = tensors(job), two = tensors(other);
      for (size_t i = 0; i < one.at("v").floats().size(); ++i)
        EXPECT_EQ(one.at("v").floats()[i], -two.at("v").floats()[i]);
    } else {
      EXPECT_EQ(tensors(job).at("A").shape.front(), 4);
    }
  }
  TrainSpec sft{.carrier = {SignalKind::kVector}, .subtract_swapped = true};
  sft.params = PublishedParams(SftParams{}, SignalKind::kVector);
  EXPECT_EQ(DetailOf(runtime_->StartJob({.pairs = kPairs, .learner = sft}).status())->field,
            "training.subtract_swapped");
}

TEST_F(TrainingJobTest, ASignalTellsHowItWasLearnt) {
  LearnSpec spec{.pairs = kPairs, .learner = ExtractionSpec{.layer = 1}, .alias = "v"};
  spec.settings = R"({"asked":"for"})";
  const JobRecord job = Ended(spec);
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
  EXPECT_EQ(job.outcome.name, "drafts/v");
  EXPECT_TRUE(absl::IsNotFound(runtime_->signals().Get("v").status()));
  const auto record = runtime_->signals().Get("drafts/v");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_THAT(record->provenance, testing::HasSubstr("\"job\":\"" + job.id + "\""));
  EXPECT_THAT(record->provenance, testing::HasSubstr(R"("settings":{"asked":"for"})"));
  EXPECT_THAT(record->provenance, testing::HasSubstr(HashOf(kPairs)));
}

}  // namespace
}  // namespace steer

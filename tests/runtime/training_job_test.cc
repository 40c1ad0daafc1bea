// Jobs that train signals, through the runtime on the tiny model.

#include <string>
#include <vector>

#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/runtime/runtime_fixture.h"

namespace steer {
namespace {

const std::vector<PolarPair> kPairs = {{"the", "hello there", "an error"},
                                       {"what now", "go on", "stop it"},
                                       {"is it so", "hello", "no error"}};

class TrainingJobTest : public RuntimeFixture {};

JobRecord Ended(Runtime& runtime, const LearnSpec& spec, int* trained = nullptr) {
  const auto job = runtime.StartJob(spec);
  EXPECT_TRUE(job.ok()) << job.status();
  JobRecord last;
  if (!job.ok()) return last;
  const auto on_change = [&](const JobRecord& record) {
    if (trained != nullptr && record.training) *trained = record.training->last.step;
    last = record;
    return true;
  };
  EXPECT_TRUE(runtime.jobs().Watch(job->id, on_change, [] { return false; }).ok());
  return last;
}

// Trained on a few pairs, a signal prefers them more at its factors than the plain model does.
TEST_F(TrainingJobTest, TrainsSignalsOfEveryKindThatMovePreference) {
  for (const SignalKind kind : {SignalKind::kVector, SignalKind::kLora, SignalKind::kLocalWeight}) {
    TrainSpec train;
    train.carrier.kind = kind;
    train.params = PublishedParams(SplitParams{}, kind);
    train.params.steps = 30;
    LearnSpec spec{.pairs = kPairs, .learner = train, .alias = "trained"};
    int steps = 0;
    const JobRecord job = Ended(*runtime_, spec, &steps);
    ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
    EXPECT_EQ(job.learner, "split");
    EXPECT_EQ(steps, 30);
    EXPECT_EQ(job.done, 30);
    EXPECT_GT(job.results.at("tokens_per_second"), 0);
    const auto record = runtime_->signals().Get("trained");
    ASSERT_TRUE(record.ok());
    EXPECT_EQ(record->id, job.signal_id);
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
    EXPECT_EQ(Ended(*runtime_, spec).signal_id, job.signal_id);
  }
}

TEST_F(TrainingJobTest, HeldOutPairsGiveACurveThatIsKept) {
  TrainSpec train{.carrier = {SignalKind::kLora}};
  train.params = PublishedParams(SftParams{}, SignalKind::kLora);
  train.params.steps = 20;
  const LearnSpec spec{
      .pairs = {kPairs[0], kPairs[1]}, .held_out = {kPairs[2], kPairs[0]}, .learner = train};
  const JobRecord job = Ended(*runtime_, spec);
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
  EXPECT_EQ(job.results.at("held_out_pairs"), 2);
  const auto curve = runtime_->signals().GetCurve(job.curve_id);
  ASSERT_TRUE(curve.ok()) << curve.status();
  EXPECT_EQ(curve->signal_id, job.signal_id);
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

}  // namespace
}  // namespace steer

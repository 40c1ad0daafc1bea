#include "core/runtime/runtime.h"

#include <cmath>
#include <thread>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/runtime_fixture.h"

namespace steer {
namespace {

using testing::HasSubstr;

class RuntimeTest : public RuntimeFixture {};

TEST_F(RuntimeTest, GeneratesPlainAndSteeredAndTellsWhatActed) {
  const std::string id = MustRegister(Vector(3));
  GenerateSpec spec = Greedy("the hello");
  const Answer plain = Generate(spec);
  spec.controls = {{.signal = id, .multiplier = 2.0}};
  const Answer steered = Generate(spec);
  EXPECT_NE(plain.tokens, steered.tokens);
  ASSERT_EQ(steered.admitted.controls.size(), 1U);
  EXPECT_EQ(steered.admitted.controls[0].signal_id, id);
  EXPECT_THAT(steered.admitted.controls[0].sites, testing::ElementsAre("layers.1.block_out"));
  ASSERT_EQ(steered.finished.steered.size(), 1U);
  EXPECT_EQ(steered.finished.steered[0].prompt, steered.admitted.prompt_tokens - 1);
  // One forward pass for each generated token, the first of which is the last prompt position.
  EXPECT_EQ(steered.finished.steered[0].generated, steered.finished.generated_tokens);
}

TEST_F(RuntimeTest, ZeroIsOffAndEqualSeedsGiveEqualAnswers) {
  const std::string id = MustRegister(Vector(3));
  GenerateSpec spec = Greedy("hello");
  spec.sampling.temperature = 1.5;
  spec.sampling.seed = 7;
  const Answer plain = Generate(spec);
  EXPECT_EQ(Generate(spec).tokens, plain.tokens);
  spec.controls = {{.signal = id, .multiplier = 0.0}};
  const Answer off = Generate(spec);
  EXPECT_EQ(off.tokens, plain.tokens);
  EXPECT_EQ(off.finished.steered[0].prompt + off.finished.steered[0].generated, 0);
  spec.sampling.seed = 8;
  EXPECT_NE(Generate(spec).tokens, plain.tokens);
}

TEST_F(RuntimeTest, UnsetMultipliersTakeTheSignalsDefaults) {
  SignalData data = Vector(1);
  data.default_multiplier = 2.5;
  data.default_positions.prompt = false;
  const std::string id = MustRegister(data);
  const auto resolved = runtime_->Resolve({{.signal = id}});
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ((*resolved)[0].m1, 2.5);
  EXPECT_EQ((*resolved)[0].m2, 2.5);
  EXPECT_FALSE((*resolved)[0].positions.prompt);
  EXPECT_EQ((*runtime_->Resolve({{.signal = id, .multiplier = 3.0}}))[0].m2, 3.0);
}

TEST_F(RuntimeTest, ASignalSurvivesARestart) {
  const std::string id = MustRegister(Vector(3));
  ASSERT_TRUE(runtime_->signals().SetAlias("mood", id, std::nullopt).ok());
  GenerateSpec spec = Greedy("the");
  spec.controls = {{.signal = "mood", .multiplier = 2.0}};
  const Answer before = Generate(spec);
  runtime_.reset();
  Start();
  EXPECT_EQ(Generate(spec).tokens, before.tokens);
}

TEST_F(RuntimeTest, ARequestInFlightKeepsItsSignalWhenItIsDeleted) {
  const std::string id = MustRegister(Vector(3));
  GenerateSpec spec = Greedy("the", 300);
  spec.controls = {{.signal = id, .multiplier = 2.0}};
  const Answer whole = Generate(spec);
  const auto sink = std::make_shared<RecordingSink>();
  ASSERT_TRUE(runtime_->Generate(spec, {sink}).ok());
  ASSERT_TRUE(runtime_->DeleteSignal(id, false).ok());
  sink->Wait();
  std::vector<TokenId> tokens;
  for (const TokenEvent& token : sink->tokens()) tokens.push_back(token.token);
  EXPECT_EQ(tokens, whole.tokens);
  EXPECT_EQ(Refused(spec, absl::StatusCode::kNotFound).field, "controls[0].signal");
}

TEST_F(RuntimeTest, RefusesWhatCannotBeMeant) {
  const std::string id = MustRegister(Vector(1));
  GenerateSpec spec = Greedy("hello");
  spec.controls = {{.signal = id}, {.signal = id}};
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "controls[1].signal");
  spec.controls = {{.signal = id, .multiplier = std::nan("")}};
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "controls[0].multiplier");
  spec.controls = {{.signal = id, .multiplier = 1.0, .bias_multiplier = 1e9}};
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "controls[0].bias_multiplier");
  spec.controls = {{.signal = id, .positions = PositionRule{.prompt = false, .generated = false}}};
  EXPECT_THAT(Refused(spec, absl::StatusCode::kInvalidArgument).field,
              HasSubstr("controls[0].positions"));
  spec = Greedy(std::string(5000, 'z'));
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "prompt");
  spec = Greedy("hello", 100000);
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "sampling.max_tokens");
  spec = Greedy("hello");
  spec.sampling.top_p = 0;
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "sampling.top_p");
  spec.prompt.text.reset();
  spec.prompt.token_ids = {5, 100000};
  spec.sampling.top_p = 1;
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "prompt.tokens.ids[1]");
}

TEST_F(RuntimeTest, RefusesAnotherModelsSignal) {
  SignalData other = Vector(1);
  other.marks.shape = std::string(64, 'a');
  EXPECT_EQ(Register(other).status().code(), absl::StatusCode::kFailedPrecondition);
  other = Vector(1);
  other.marks.weights = std::string(64, 'b');
  const std::string id = MustRegister(other);
  GenerateSpec spec = Greedy("hello");
  spec.controls = {{.signal = id}};
  EXPECT_EQ(Refused(spec, absl::StatusCode::kFailedPrecondition).reason, "OTHER_WEIGHTS");
  spec.controls[0].allow_other_weights = true;
  EXPECT_TRUE(Generate(spec).admitted.controls[0].other_weights);
}

TEST_F(RuntimeTest, AnOverflowEndsItsOwnRequestWithAClearError) {
  const std::string id = MustRegister(Vector(1e35F));
  GenerateSpec spec = Greedy("hello", 300);
  const auto neighbour = std::make_shared<RecordingSink>();
  const Answer alone = Generate(spec);
  ASSERT_TRUE(runtime_->Generate(spec, {neighbour}).ok());
  spec.controls = {{.signal = id, .multiplier = 1e6}};
  const Answer broken = Generate(spec);
  EXPECT_EQ(broken.finished.reason, FinishReason::kError);
  EXPECT_EQ(broken.finished.status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(DetailOf(broken.finished.status)->reason, "NOT_FINITE");
  EXPECT_TRUE(neighbour->Wait().status.ok());
  std::vector<TokenId> tokens;
  for (const TokenEvent& token : neighbour->tokens()) tokens.push_back(token.token);
  EXPECT_EQ(tokens, alone.tokens);
}

TEST_F(RuntimeTest, CancelFreesTheRowAndItsBlocks) {
  const auto sink = std::make_shared<RecordingSink>();
  const auto admitted = runtime_->Generate(Greedy("hello", 400), {sink});
  ASSERT_TRUE(admitted.ok());
  runtime_->Cancel(admitted->id);
  EXPECT_EQ(sink->Wait().reason, FinishReason::kCancelled);
  EXPECT_EQ(Generate(Greedy("a", 1)).finished.reason, FinishReason::kLength);
  // The numbers are published once a turn of the loop, just after the last event.
  while (runtime_->pools()[0].engine.kv_blocks_used != 0 || runtime_->in_flight() != 0)
    std::this_thread::yield();
}

const std::vector<PolarPair> kPairs = {{"the", "hello there", "an error"},
                                       {"a user", "hell on", "in the"},
                                       {"on", "the hello", "the error in"}};

TEST_F(RuntimeTest, ScoresPairsAndPlainEqualsZero) {
  const std::string id = MustRegister(Vector(2));
  ScoreSpec spec;
  spec.pairs = kPairs;
  spec.both_spellings = false;  // a mean is then of the same tokens as the sum
  spec.controls = {{.signal = id, .multiplier = 1.0}};
  spec.multipliers = {-1, 0, 1};
  std::vector<ScorePoint> points;
  const auto collect = [&](ScorePoint point) {
    points.push_back(std::move(point));
    return true;
  };
  ASSERT_TRUE(runtime_->Score(spec, [] { return false; }, {.on_point = collect}).ok());
  spec.controls.clear();
  spec.multipliers = {1};
  ASSERT_TRUE(runtime_->Score(spec, [] { return false; }, {.on_point = collect}).ok());
  ASSERT_EQ(points.size(), 4U);
  EXPECT_NE(points[0].mean.preference, points[2].mean.preference);
  for (size_t i = 0; i < kPairs.size(); ++i) {
    EXPECT_NEAR(points[1].pairs[i].sum.positive_loss, points[3].pairs[i].sum.positive_loss, 1e-4);
    const ScoredPair& pair = points[1].pairs[i];
    EXPECT_NEAR(pair.mean.positive_loss, pair.sum.positive_loss / pair.positive_tokens, 1e-9);
    // Complete answers cannot be prefixes of each other, so their masses sum to less than 1.
    EXPECT_TRUE(pair.sum.utility.has_value());
  }
}

TEST_F(RuntimeTest, ScoringRefusesMultipliersBeyondTheLimit) {
  const std::string id = MustRegister(Vector(2));
  ScoreSpec spec;
  spec.pairs = kPairs;
  spec.controls = {{.signal = id, .multiplier = 1000.0}};
  for (const double multiplier : {1e300, std::nan(""), 2000.0}) {
    spec.multipliers = {1, multiplier};
    const absl::Status status = runtime_->Score(
        spec, [] { return false; }, {.on_point = [](const ScorePoint&) { return true; }});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(DetailOf(status)->field, HasSubstr("multipliers[1]"));
  }
}

TEST_F(RuntimeTest, ARuleThatSelectsNoTokenIsRefused) {
  const std::string id = MustRegister(Vector(2));
  const PositionRule user_text{.generated = false, .user_text_only = true};
  GenerateSpec raw = Greedy("a prompt without a user", 1);
  raw.controls = {{.signal = id, .positions = user_text}};
  const auto refused = runtime_->Generate(raw, {std::make_shared<RecordingSink>()});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << refused.status();
  EXPECT_EQ(DetailOf(refused.status())->field, "controls[0].positions");
  EXPECT_THAT(DetailOf(refused.status())->allowed, HasSubstr("user_text_only needs a chat"));

  ScoreSpec score;
  score.pairs = kPairs;
  score.raw = true;
  score.controls = raw.controls;
  score.multipliers = {1};
  const absl::Status status = runtime_->Score(score, [] { return false; },
                                              {.on_point = [](const ScorePoint&) { return true; }});
  EXPECT_EQ(DetailOf(status)->field, "controls[0].positions") << status;
  EXPECT_THAT(DetailOf(status)->got, HasSubstr("pairs[0]"));
  // The same pairs as chats have a user.
  score.raw = false;
  EXPECT_TRUE(
      runtime_
          ->Score(score, [] { return false; }, {.on_point = [](const ScorePoint&) { return true; }})
          .ok());
}

TEST_F(RuntimeTest, LearnsAVectorThatMovesPreference) {
  LearnSpec spec;
  spec.pairs = kPairs;
  spec.learner = ExtractionSpec{.layer = 1};
  spec.alias = "learnt";
  spec.promote = true;
  const auto job = runtime_->StartJob(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  JobRecord last;
  ASSERT_TRUE(runtime_->jobs()
                  .Watch(
                      job->id,
                      [&](const JobRecord& record) {
                        last = record;
                        return true;
                      },
                      [] { return false; })
                  .ok());
  ASSERT_EQ(last.state, JobState::kSucceeded) << last.status;
  EXPECT_GT(last.outcome.results.at("norm"), 0);
  const auto record = runtime_->signals().Get("learnt");
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->id, last.outcome.signal_id);
  EXPECT_TRUE(record->default_positions.exclude_template_head);

  ScoreSpec score;
  score.pairs = kPairs;
  score.controls = {{.signal = "learnt"}};
  score.multipliers = {-0.5, 0.5};
  std::vector<ScorePoint> points;
  const auto collect = [&](ScorePoint point) {
    points.push_back(std::move(point));
    return true;
  };
  ASSERT_TRUE(runtime_->Score(score, [] { return false; }, {.on_point = collect}).ok());
  const auto slope = SlopeAtZero(points, LossMode::kMean);
  ASSERT_TRUE(slope.has_value());
  EXPECT_NE(slope->slope, 0);
}

TEST_F(RuntimeTest, LearningRefusesALayerTheModelDoesNotHave) {
  LearnSpec spec;
  spec.pairs = kPairs;
  spec.learner = ExtractionSpec{.layer = 3};
  const auto job = runtime_->StartJob(spec);
  EXPECT_EQ(job.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(job.status())->allowed, "0..2");
}

TEST_F(RuntimeTest, DrainingRefusesNewWork) {
  runtime_->StartDraining();
  Refused(Greedy("hello"), absl::StatusCode::kUnavailable);
}

TEST_F(RuntimeTest, TwoLiveInOneProcess) {
  RuntimeOptions other = options_;
  other.state_directory = directory_ + "/second";
  const auto second = Runtime::Create(other);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->model().fingerprint, runtime_->model().fingerprint);
  EXPECT_EQ(Generate(Greedy("hello")).finished.reason, FinishReason::kLength);
}

TEST_F(RuntimeTest, BadOptionsAreNamed) {
  RuntimeOptions bad = options_;
  bad.state_directory = directory_ + "/third";
  bad.dtype = "f8";
  EXPECT_EQ(DetailOf(Runtime::Create(bad).status())->field, "dtype");
  bad.dtype = "f32";
  for (const std::vector<std::string>& devices :
       {std::vector<std::string>{"tpu"}, {"cpu:0", "gpu:0"}, {}, {"cpu:0", "cpu:0"}}) {
    bad.devices = devices;
    EXPECT_EQ(DetailOf(Runtime::Create(bad).status())->field, "devices");
  }
  bad.devices = {"cpu:0", "cpu:1"};
  for (const char* learning : {"cpu:1", "tpu"}) {
    bad.learning_device = learning;
    const auto detail = DetailOf(Runtime::Create(bad).status());
    EXPECT_EQ(detail->field, "learning_device");
    EXPECT_THAT(detail->got, testing::HasSubstr(learning));
  }
  bad.learning_device = "";
  bad.devices = {"cpu:0"};
  for (const double share : {0.0, 1.0, std::nan("")}) {
    bad.background_share = share;
    EXPECT_EQ(DetailOf(Runtime::Create(bad).status())->field, "background_share");
  }
  bad.background_share = 0.5;
  bad.step_tokens = 0;
  EXPECT_EQ(DetailOf(Runtime::Create(bad).status())->field, "step_tokens");
  bad.step_tokens = 16;
  bad.model_path = directory_ + "/none.gguf";
  EXPECT_EQ(Runtime::Create(bad).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace steer

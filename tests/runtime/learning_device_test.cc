// A device of its own for learning, which serves nothing.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/runtime/admission.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/learners.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/learning_fixture.h"

namespace steer {
namespace {

using testing::SizeIs;

class LearningDeviceTest : public LearningFixture {
 protected:
  void SetUp() override {
    options_.learning_device = "cpu:1";
    LearningFixture::SetUp();
  }

  static std::vector<LearnSpec> Specs() {
    TrainSpec train{.carrier = {SignalKind::kLora}};
    train.params = PublishedParams(SplitParams{}, SignalKind::kLora);
    train.params.steps = 10;
    ExtractionSpec attributed;
    attributed.params.attribution.emplace();
    return {{.pairs = kPairs, .learner = train},
            {.pairs = kPairs, .learner = ExtractionSpec{}},
            {.pairs = kPairs, .learner = attributed}};
  }
  int64_t Units(size_t pool) const { return runtime_->pools()[pool].engine.units; }
};

TEST_F(LearningDeviceTest, JobsOfEveryLearnerRunThereAndLearnWhatTheyLearnElsewhere) {
  std::vector<std::string> learnt;
  for (const LearnSpec& spec : Specs()) {
    const int64_t before = Units(1);
    const JobRecord job = Ended(spec);
    ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
    EXPECT_GT(Units(1), before) << job.learner;
    learnt.push_back(job.outcome.signal_id);
  }
  EXPECT_EQ(Units(0), 0);
  runtime_.reset();
  options_.learning_device = "";
  Start();
  ASSERT_THAT(runtime_->pools(), SizeIs(1));
  for (const LearnSpec& spec : Specs()) {
    EXPECT_EQ(Ended(spec).outcome.signal_id, learnt.front());
    learnt.erase(learnt.begin());
  }
}

TEST_F(LearningDeviceTest, WhatWasLearntIsJudgedWhereRequestsAreServed) {
  LearnSpec spec = Specs().front();
  spec.held_out = {kPairs[0]};
  const JobRecord job = Ended(spec);
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.status;
  const int64_t learning = Units(1);
  const int64_t judging = Units(0);
  EXPECT_GT(judging, 0);

  ScoreSpec score;
  score.pairs = kPairs;
  score.controls = {{.signal = job.outcome.signal_id}};
  score.multipliers = {0, 1};
  const auto on_point = [](const ScorePoint&) { return true; };
  ASSERT_TRUE(runtime_->Score(score, [] { return false; }, {.on_point = on_point}).ok());
  EXPECT_GT(Units(0), judging);
  EXPECT_EQ(Units(1), learning);
}

TEST_F(LearningDeviceTest, ServesNoRequestAndNeedsNoMemoryForOne) {
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 0; i < 12; ++i) {
    sinks.push_back(std::make_shared<RecordingSink>());
    const auto admitted = runtime_->Generate(Greedy(LongText(2 + i)), {sinks.back()});
    ASSERT_TRUE(admitted.ok()) << admitted.status();
    EXPECT_EQ(admitted->pool, "cpu:0");
  }
  for (const auto& sink : sinks) EXPECT_TRUE(sink->Wait().status.ok());
  const std::vector<PoolStats> pools = runtime_->pools();
  ASSERT_THAT(pools, SizeIs(2));
  EXPECT_EQ(pools[1].name, "cpu:1");
  EXPECT_FALSE(pools[0].learning_only);
  EXPECT_TRUE(pools[1].learning_only);
  EXPECT_EQ(pools[1].engine.steps, 1);  // which warmed it up
  EXPECT_EQ(pools[1].engine.generated_tokens, 0);
  EXPECT_EQ(pools[1].engine.kv_blocks_total, 1);
  EXPECT_EQ(pools[1].weight_bytes, 0);  // the other's copy
  EXPECT_EQ(runtime_->model().context_limit, 512);
}

TEST_F(LearningDeviceTest, ServingGoesOnWithoutIt) {
  runtime_.reset();
  auto model = ResidentModel::Load(options_);
  ASSERT_TRUE(model.ok()) << model.status();
  auto store = OpenSqliteStore(directory_);
  ASSERT_TRUE(store.ok()) << store.status();
  std::atomic<RequestId> next_id = 1;
  const auto pools = DevicePools::Start(options_, &*model, store->get(), &next_id);
  ASSERT_TRUE(pools.ok()) << pools.status();
  const auto place = (*pools)->LearningPlace();
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_EQ(place->pool->name(), "cpu:1");
  const absl::Status lost =
      place->pool->engine().RunUnit([] { return absl::UnavailableError("planted"); });
  EXPECT_EQ(lost.code(), absl::StatusCode::kUnavailable);
  const Admission admission({.tokenizer = model->tokenizer.get()});
  const Learners learners(&model->info, &admission, model->tokenizer.get(), pools->get());
  EXPECT_EQ(learners.Of(Specs().front()).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE((*pools)->stats()[1].engine.failed);
  const auto scoring = (*pools)->ScoringPlaces();
  ASSERT_TRUE(scoring.ok()) << scoring.status();
  ASSERT_THAT(*scoring, SizeIs(1));
  EXPECT_EQ(scoring->front().pool->name(), "cpu:0");
}

}  // namespace
}  // namespace steer

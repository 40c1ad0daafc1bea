// Two pools behind one runtime.

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/runtime_fixture.h"

namespace steer {
namespace {

using testing::SizeIs;

class PoolsTest : public RuntimeFixture {
 protected:
  void SetUp() override {
    options_.devices = {"cpu:0", "cpu:1"};
    RuntimeFixture::SetUp();
  }
};

TEST_F(PoolsTest, BothWorkShareTheWeightsAndAnswerAlike) {
  const std::string id = MustRegister(Vector(3));
  std::vector<GenerateSpec> specs;
  for (int i = 0; i < 6; ++i) {
    specs.push_back(Sampled(LongText(2 + i), /*seed=*/i, 40));
    specs.back().sampling.ignore_eos = true;
    if (i % 2 == 0) specs.back().controls = {{.signal = id, .multiplier = 1.0 + i}};
  }
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  std::set<std::string> used;
  for (const GenerateSpec& spec : specs) {
    sinks.push_back(std::make_shared<RecordingSink>());
    const auto admitted = runtime_->Generate(spec, {sinks.back()});
    ASSERT_TRUE(admitted.ok()) << admitted.status();
    used.insert(admitted->pool);
  }
  EXPECT_THAT(used, testing::ElementsAre("cpu:0", "cpu:1"));
  for (const auto& sink : sinks) EXPECT_TRUE(sink->Wait().status.ok());
  const std::vector<PoolStats> pools = runtime_->pools();
  ASSERT_THAT(pools, SizeIs(2));
  EXPECT_GT(pools[0].weight_bytes, 0);
  EXPECT_EQ(pools[1].weight_bytes, 0);  // the same copy
  EXPECT_EQ(pools[0].signals_resident + pools[1].signals_resident, 1);
  for (const PoolStats& pool : pools) EXPECT_GT(pool.engine.generated_tokens, 0) << pool.name;

  runtime_.reset();
  options_.devices = {"cpu:0"};
  Start();
  for (size_t i = 0; i < specs.size(); ++i) {
    std::vector<TokenId> two;
    for (const TokenEvent& token : sinks[i]->tokens()) two.push_back(token.token);
    EXPECT_EQ(Generate(specs[i]).tokens, two) << i;
  }
}

TEST_F(PoolsTest, APromptGoesBackToWhoComputedIt) {
  // The second pool computes it, since the first is busy.
  GenerateSpec busy = Greedy("hello", 300);
  busy.sampling.ignore_eos = true;
  const auto sink = std::make_shared<RecordingSink>();
  const auto first = runtime_->Generate(busy, {sink});
  ASSERT_TRUE(first.ok());
  const Answer cold = Generate(Greedy(LongText(12)));
  EXPECT_NE(cold.admitted.pool, first->pool);
  runtime_->Cancel(first->id);
  sink->Wait();
  const Answer warm = Generate(Greedy(LongText(12)));
  EXPECT_EQ(warm.admitted.pool, cold.admitted.pool);
  EXPECT_GT(warm.finished.reused_prompt_tokens, 0);
  EXPECT_EQ(warm.tokens, cold.tokens);
}

TEST_F(PoolsTest, WhatIsRegisteredIsThereForBothAndWhatIsDeletedForNeither) {
  const std::string id = MustRegister(Vector(3));
  GenerateSpec spec = Greedy("hello", 50);
  spec.controls = {{.signal = id}};
  const auto a = std::make_shared<RecordingSink>();
  const auto b = std::make_shared<RecordingSink>();
  const auto first = runtime_->Generate(spec, {a});
  const auto second = runtime_->Generate(spec, {b});
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE(runtime_->DeleteSignal(id, false).ok());
  EXPECT_TRUE(a->Wait().status.ok());
  EXPECT_TRUE(b->Wait().status.ok());
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Refused(spec, absl::StatusCode::kNotFound).field, "controls[0].signal");
  }
}

}  // namespace
}  // namespace steer

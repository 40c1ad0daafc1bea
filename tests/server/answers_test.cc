#include "server/answers.h"

#include "gtest/gtest.h"
#include "server/version.h"

namespace steer {
namespace {

TEST(AnswersTest, TheReceiptTellsWhatActedAndHowOften) {
  Admitted admitted;
  admitted.model_fingerprint = "shape:weights";
  admitted.sampling.seed = 12;
  admitted.controls.resize(2);
  admitted.controls[0].name = "calm";
  admitted.controls[0].signal_id = "id1";
  admitted.controls[0].m2 = 3;
  admitted.controls[0].sites = {"layers.0.q_proj", "layers.1.block_out"};
  admitted.pool = "cpu:1";
  admitted.controls[0].other_weights = true;
  FinishedEvent finished;
  finished.reason = FinishReason::kLength;
  finished.generated_tokens = 4;
  finished.steered = {{.prompt = 5, .generated = 6, .reused = 4}, {.prompt = 0, .generated = 7}};
  finished.multipliers = {{{.position = 0, .m1 = 0, .m2 = 3}, {.position = 9, .m1 = 1, .m2 = 2}},
                          {{.position = 0, .m1 = 0, .m2 = 0}}};
  finished.reused_prompt_tokens = 16;
  finished.preemptions = 2;
  const v1::GenerationFinished out = ToProto(admitted, finished);
  EXPECT_EQ(out.finish_reason(), "length");
  EXPECT_EQ(out.usage().generated_tokens(), 4);
  EXPECT_EQ(out.receipt().seed(), 12u);
  ASSERT_EQ(out.receipt().controls_size(), 2);
  EXPECT_EQ(out.receipt().controls(0).control().signal_id(), "id1");
  EXPECT_EQ(out.receipt().controls(0).control().bias_multiplier(), 3);
  EXPECT_TRUE(out.receipt().controls(0).control().other_weights());
  EXPECT_EQ(out.receipt().controls(0).steered_prompt_tokens(), 5);
  EXPECT_EQ(out.receipt().controls(1).steered_generated_tokens(), 7);
  EXPECT_EQ(out.receipt().controls(0).steered_reused_tokens(), 4);
  ASSERT_EQ(out.receipt().controls(0).sites_size(), 2);
  EXPECT_EQ(out.receipt().controls(0).sites(1).site(), "layers.1.block_out");
  EXPECT_EQ(out.receipt().controls(0).sites(1).prompt_tokens(), 5);
  EXPECT_EQ(out.receipt().controls(0).sites(1).generated_tokens(), 6);
  ASSERT_EQ(out.receipt().controls(0).changes_size(), 1);
  EXPECT_EQ(out.receipt().controls(0).changes(0).position(), 9);
  EXPECT_EQ(out.receipt().controls(0).changes(0).bias_multiplier(), 2);
  EXPECT_EQ(out.receipt().controls(1).changes_size(), 0);
  EXPECT_EQ(out.usage().reused_prompt_tokens(), 16);
  EXPECT_EQ(out.receipt().reused_prompt_tokens(), 16);
  EXPECT_EQ(out.receipt().preemptions(), 2);
  EXPECT_EQ(out.receipt().pool(), "cpu:1");
  EXPECT_EQ(out.receipt().server_version(), Version());
}

TEST(AnswersTest, TheStartTellsEverySamplingParameter) {
  Admitted admitted;
  admitted.id = 5;
  admitted.n = 3;
  admitted.prompt_tokens = 10;
  admitted.truncated_tokens = 4;
  SamplingParams& in = admitted.sampling;
  in.min_tokens = 2;
  in.min_p = 0.25;
  in.repetition_penalty = 1.5;
  in.presence_penalty = -1;
  in.frequency_penalty = 0.5;
  in.logit_bias = {{3, 4.0}};
  in.stop_tokens = {8, 9};
  in.ignore_eos = true;
  in.top_log_probs = 6;
  in.prompt_log_probs = 0;
  const v1::GenerationStarted out = ToProto(admitted);
  EXPECT_EQ(out.request_id(), 5u);
  EXPECT_EQ(out.n(), 3);
  EXPECT_EQ(out.truncated_tokens(), 4);
  EXPECT_EQ(out.sampling().min_tokens(), 2);
  EXPECT_EQ(out.sampling().min_p(), 0.25);
  EXPECT_EQ(out.sampling().repetition_penalty(), 1.5);
  EXPECT_EQ(out.sampling().presence_penalty(), -1);
  EXPECT_EQ(out.sampling().frequency_penalty(), 0.5);
  EXPECT_EQ(out.sampling().logit_bias().at(3), 4.0);
  EXPECT_EQ(out.sampling().stop_token_ids_size(), 2);
  EXPECT_TRUE(out.sampling().ignore_eos());
  EXPECT_EQ(out.sampling().top_log_probs(), 6);
  EXPECT_TRUE(out.sampling().has_prompt_log_probs());
}

TEST(AnswersTest, AnUndefinedUtilityStaysAbsent) {
  ScorePoint point;
  point.multiplier = -1;
  point.pairs.resize(1);
  point.pairs[0].mean = {.positive_loss = 1, .negative_loss = 2, .preference = 1, .utility = {}};
  point.pairs[0].sum.utility = 0.5;
  const v1::ScorePoint out = ToProto(point, /*omit_pairs=*/false);
  ASSERT_EQ(out.pairs_size(), 1);
  EXPECT_FALSE(out.pairs(0).mean().has_utility());
  EXPECT_FALSE(out.pairs(0).mean().utility_valid());
  EXPECT_EQ(out.pairs(0).sum().utility(), 0.5);
  EXPECT_FALSE(out.mean().has_utility());
  EXPECT_EQ(ToProto(point, /*omit_pairs=*/true).pairs_size(), 0);
}

}  // namespace
}  // namespace steer

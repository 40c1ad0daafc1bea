#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/convert.h"
#include "tests/server/convert_fixture.h"

namespace steer {
namespace {

TEST(ConvertTest, EveryFieldOfAGenerationArrives) {
  const absl::StatusOr<GenerateSpec> spec = ToGenerateSpec(Parse<v1::GenerateRequest>(R"pb(
    prompt { chat { messages { role: "user" content: "hi" } } }
    sampling {
      max_tokens: 5
      temperature: 0
      top_k: 3
      top_p: 0.5
      seed: 9
      stop: "end"
      log_probs: true
      min_p: 0.1
      repetition_penalty: 1.5
      presence_penalty: -0.5
      frequency_penalty: 0.25
      logit_bias { key: 7 value: -100 }
      min_tokens: 2
      ignore_eos: true
      stop_token_ids: 11
      top_log_probs: 4
      prompt_log_probs: 0
    }
    controls {
      signal: "calm"
      multiplier: 0
      positions { generated: false exclude_template_head: true user_text_only: true }
    }
    controls {
      signal: "loud"
      bias_multiplier: -2
      allow_other_weights: true
      changes { position: 1 multiplier: 3 }
      changes { position: 7 multiplier: 0 bias_multiplier: 0.5 }
    }
    echo: true
    truncation: TRUNCATION_DROP_FIRST
    continue_tokens: 5
    continue_tokens: 6
  )pb"));
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_EQ(spec->prompt.messages.size(), 1u);
  EXPECT_EQ(spec->prompt.messages[0].role, "user");
  EXPECT_EQ(spec->prompt.messages[0].content, "hi");
  EXPECT_EQ(spec->sampling.max_tokens, 5);
  EXPECT_EQ(spec->sampling.temperature, 0);
  EXPECT_EQ(spec->sampling.top_k, 3);
  EXPECT_EQ(spec->sampling.top_p, 0.5);
  EXPECT_EQ(spec->sampling.seed, 9u);
  EXPECT_EQ(spec->sampling.stop, std::vector<std::string>{"end"});
  EXPECT_TRUE(spec->sampling.log_probs);
  EXPECT_EQ(spec->sampling.min_p, 0.1);
  EXPECT_EQ(spec->sampling.repetition_penalty, 1.5);
  EXPECT_EQ(spec->sampling.presence_penalty, -0.5);
  EXPECT_EQ(spec->sampling.frequency_penalty, 0.25);
  EXPECT_EQ(spec->sampling.logit_bias, (std::map<TokenId, double>{{7, -100}}));
  EXPECT_EQ(spec->sampling.min_tokens, 2);
  EXPECT_TRUE(spec->sampling.ignore_eos);
  EXPECT_EQ(spec->sampling.stop_tokens, std::vector<TokenId>{11});
  EXPECT_EQ(spec->sampling.top_log_probs, 4);
  EXPECT_EQ(spec->sampling.prompt_log_probs, 0);
  EXPECT_EQ(spec->n, 1);
  EXPECT_TRUE(spec->echo);
  EXPECT_EQ(spec->truncation, Truncation::kDropFirst);
  EXPECT_EQ(spec->continue_tokens, (std::vector<TokenId>{5, 6}));
  ASSERT_EQ(spec->controls.size(), 2u);
  EXPECT_EQ(spec->controls[0].multiplier, 0.0);
  EXPECT_FALSE(spec->controls[0].bias_multiplier.has_value());
  EXPECT_EQ(spec->controls[0].positions, (PositionRule{.prompt = true,
                                                       .generated = false,
                                                       .exclude_template_head = true,
                                                       .user_text_only = true}));
  EXPECT_FALSE(spec->controls[1].multiplier.has_value());
  EXPECT_EQ(spec->controls[1].bias_multiplier, -2.0);
  EXPECT_FALSE(spec->controls[1].positions.has_value());
  EXPECT_TRUE(spec->controls[1].allow_other_weights);
  EXPECT_TRUE(spec->controls[0].changes.empty());
  // An unset m2 follows m1.
  EXPECT_EQ(spec->controls[1].changes,
            (std::vector<MultiplierRun>{{.position = 1, .m1 = 3, .m2 = 3},
                                        {.position = 7, .m1 = 0, .m2 = 0.5}}));
}

TEST(ConvertTest, WhatIsLeftOutStaysUnset) {
  const auto spec = ToGenerateSpec(Parse<v1::GenerateRequest>(R"pb(prompt { text: "hi" })pb"));
  ASSERT_TRUE(spec.ok());
  const SamplingSpec& sampling = spec->sampling;
  EXPECT_FALSE(sampling.max_tokens || sampling.temperature || sampling.top_k || sampling.top_p);
  EXPECT_FALSE(sampling.min_p || sampling.repetition_penalty || sampling.presence_penalty);
  EXPECT_FALSE(sampling.frequency_penalty || sampling.min_tokens || sampling.seed);
  EXPECT_FALSE(sampling.prompt_log_probs || sampling.log_probs || sampling.ignore_eos);
  EXPECT_EQ(sampling.top_log_probs, 0);
  EXPECT_EQ(spec->n, 1);
  EXPECT_FALSE(spec->echo);
  EXPECT_EQ(spec->truncation, Truncation::kRefuse);
}

TEST(ConvertTest, CompletionsAreOneToSixteen) {
  v1::GenerateRequest request;
  request.mutable_prompt()->set_text("a");
  for (const int n : {1, 16}) {
    request.set_n(n);
    EXPECT_EQ(ToGenerateSpec(request)->n, n);
  }
  for (const int n : {0, -1, 17}) {
    request.set_n(n);
    ExpectInvalid(ToGenerateSpec(request), "n", "got " + std::to_string(n) + ", allowed: 1 to 16");
  }
  request.set_n(2);
  request.add_continue_tokens(1);
  ExpectInvalid(ToGenerateSpec(request), "continue_tokens", "none with n = 2");
}

TEST(ConvertTest, ATruncationIsOneOfTheThree) {
  v1::GenerateRequest request;
  request.mutable_prompt()->set_text("a");
  request.set_truncation(v1::TRUNCATION_DROP_LAST);
  EXPECT_EQ(ToGenerateSpec(request)->truncation, Truncation::kDropLast);
  request.set_truncation(static_cast<v1::Truncation>(3));
  ExpectInvalid(ToGenerateSpec(request), "truncation", "got 3");
}

TEST(ConvertTest, ChangesAscendFromPositionOne) {
  v1::GenerateRequest request;
  request.mutable_prompt()->set_text("a");
  v1::Control& control = *request.add_controls();
  control.set_signal("calm");
  const auto add = [&](int position) {
    control.add_changes()->set_position(position);
    return ToGenerateSpec(request);
  };
  ExpectInvalid(add(0), "controls[0].changes[0].position", "1 or more");
  control.clear_changes();
  EXPECT_TRUE(add(std::numeric_limits<int>::max()).ok());
  ExpectInvalid(add(5), "controls[0].changes[1].position", "2147483648 or more");
  control.clear_changes();
  EXPECT_TRUE(add(5).ok());
  ExpectInvalid(add(5), "controls[0].changes[1].position", "6 or more");
  control.mutable_changes()->RemoveLast();
  for (int i = 1; i < 1024; ++i) control.add_changes()->set_position(5 + i);
  EXPECT_EQ(ToGenerateSpec(request)->controls[0].changes.size(), 1024u);
  ExpectInvalid(add(2000), "controls[0].changes", "1025 entries");
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    control.clear_changes();
    control.add_changes()->set_position(1);
    control.mutable_changes(0)->set_multiplier(bad);
    ExpectInvalid(ToGenerateSpec(request), "controls[0].changes[0].multiplier", "finite");
    control.mutable_changes(0)->set_multiplier(1);
    control.mutable_changes(0)->set_bias_multiplier(bad);
    ExpectInvalid(ToGenerateSpec(request), "controls[0].changes[0].bias_multiplier", "finite");
  }
}

TEST(ConvertTest, AnUpdateHasAtLeastOneMultiplier) {
  auto request = Parse<v1::UpdateGenerationRequest>(R"pb(request_id: 7 signal: "calm")pb");
  ExpectInvalid(ToMultiplierUpdate(request), "multiplier", "bias_multiplier or both");
  request.set_bias_multiplier(0);
  absl::StatusOr<MultiplierUpdate> update = ToMultiplierUpdate(request);
  ASSERT_TRUE(update.ok());
  EXPECT_EQ(update->request_id, 7u);
  EXPECT_EQ(update->signal, "calm");
  EXPECT_FALSE(update->multiplier.has_value());
  EXPECT_EQ(update->bias_multiplier, 0.0);
  request.set_multiplier(std::nan(""));
  ExpectInvalid(ToMultiplierUpdate(request), "multiplier", "finite");
  request.set_multiplier(2);
  EXPECT_EQ(ToMultiplierUpdate(request)->multiplier, 2.0);
  request.set_bias_multiplier(-HUGE_VAL);
  ExpectInvalid(ToMultiplierUpdate(request), "bias_multiplier", "finite");
  request.clear_signal();
  ExpectInvalid(ToMultiplierUpdate(request), "signal", "nothing");
}

}  // namespace
}  // namespace steer

#include "server/convert.h"

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "server/answers.h"
#include "server/version.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// The error names `field` and its message has `part`.
template <typename T>
void ExpectInvalid(const absl::StatusOr<T>& result, const std::string& field,
                   const std::string& part) {
  ASSERT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << result.status();
  ASSERT_TRUE(DetailOf(result.status()).has_value());
  EXPECT_EQ(DetailOf(result.status())->field, field);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(part));
}

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
      positions { generated: false exclude_template_head: true }
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
  EXPECT_EQ(spec->controls[0].positions,
            (PositionRule{.prompt = true, .generated = false, .exclude_template_head = true}));
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

TEST(ConvertTest, AScoreHasNoChanges) {
  ExpectInvalid(ToScoreSpec(Parse<v1::ScoreRequest>(R"pb(
                  pairs { question: "q" positive: "p" negative: "n" }
                  controls { signal: "calm" }
                  controls {
                    signal: "loud"
                    changes { position: 1 }
                  })pb")),
                "controls[1].changes", "only Generate");
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

TEST(ConvertTest, APromptIsExactlyOneThing) {
  ExpectInvalid(ToGenerateSpec(v1::GenerateRequest()), "prompt", "chat, text and tokens");
  ExpectInvalid(ToPromptSpec(Parse<v1::Prompt>("chat {}")), "prompt.chat.messages", "at least one");
  ExpectInvalid(ToPromptSpec(Parse<v1::Prompt>("tokens {}")), "prompt.tokens.ids", "at least one");
  EXPECT_EQ(ToPromptSpec(Parse<v1::Prompt>("tokens { ids: 4 ids: 5 }"))->token_ids,
            (std::vector<TokenId>{4, 5}));
  // An empty text is a text; whether the model can continue it is for admission to say.
  EXPECT_EQ(ToPromptSpec(Parse<v1::Prompt>("text: ''"))->text, "");
}

TEST(ConvertTest, BadUtf8IsNamedByOffset) {
  ExpectInvalid(ToPromptSpec(Parse<v1::Prompt>(R"(text: "caf\303")")), "prompt.text",
                "byte 0xc3 at offset 3");
  ExpectInvalid(ToPromptSpec(Parse<v1::Prompt>(
                    R"(chat { messages { content: "ok" } messages { content: "\377" } })")),
                "prompt.chat.messages[1].content", "byte 0xff at offset 0");
  ExpectInvalid(ToGenerateSpec(Parse<v1::GenerateRequest>(
                    R"(prompt { text: "a" } sampling { stop: "x" stop: "ab\300\200" })")),
                "sampling.stop[1]", "byte 0xc0 at offset 2");
  ExpectInvalid(ToScoreSpec(Parse<v1::ScoreRequest>(
                    R"(pairs { question: "q" positive: "p" negative: "n\355\240\200" })")),
                "pairs[0].negative", "byte 0xed at offset 1");
  ExpectInvalid(ToScoreSpec(Parse<v1::ScoreRequest>(
                    R"(pairs { question: "q" positive: "p" negative: "n" } system: "\200")")),
                "system", "offset 0");
}

TEST(ConvertTest, MultipliersAreFinite) {
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    v1::GenerateRequest request;
    request.mutable_prompt()->set_text("a");
    request.add_controls()->set_signal("calm");
    request.add_controls()->set_signal("loud");
    request.mutable_controls(1)->set_multiplier(bad);
    ExpectInvalid(ToGenerateSpec(request), "controls[1].multiplier", "a finite number");
    request.mutable_controls(1)->clear_multiplier();
    request.mutable_controls(1)->set_bias_multiplier(bad);
    ExpectInvalid(ToGenerateSpec(request), "controls[1].bias_multiplier", "a finite number");
    auto score = Parse<v1::ScoreRequest>(R"(pairs { question: "q" positive: "p" negative: "n" })");
    score.add_multipliers(1);
    score.add_multipliers(bad);
    ExpectInvalid(ToScoreSpec(score), "multipliers[1]", "a finite number");
  }
}

TEST(ConvertTest, CountsHaveLimits) {
  v1::GenerateRequest request;
  request.mutable_prompt()->set_text("a");
  for (int i = 0; i < 65; ++i) request.add_controls()->set_signal("s");
  ExpectInvalid(ToGenerateSpec(request), "controls", "65 entries");
  request.mutable_controls()->RemoveLast();
  request.mutable_controls(3)->clear_signal();
  ExpectInvalid(ToGenerateSpec(request), "controls[3].signal", "id or alias");

  ExpectInvalid(ToScoreSpec(v1::ScoreRequest()), "pairs", "0 entries");
  v1::ScoreRequest score;
  for (int i = 0; i < 10001; ++i) score.add_pairs()->set_positive("p");
  ExpectInvalid(ToScoreSpec(score), "pairs", "10001 entries");
  score.mutable_pairs()->DeleteSubrange(1, 10000);
  ExpectInvalid(ToScoreSpec(score), "pairs[0].negative", "not empty");
  score.mutable_pairs(0)->set_negative("n");
  for (int i = 0; i < 1001; ++i) score.add_multipliers(1);
  ExpectInvalid(ToScoreSpec(score), "multipliers", "1001 entries");
}

TEST(ConvertTest, AScoreWithoutMultipliersIsAtOne) {
  const auto spec = ToScoreSpec(
      Parse<v1::ScoreRequest>(R"(pairs { question: "q" positive: "p" negative: "n" })"));
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->multipliers, std::vector<double>{1});
  EXPECT_FALSE(spec->end_of_turn.has_value());
}

TEST(ConvertTest, AJobNamesItsLearner) {
  const std::string pairs = R"(pairs { question: "q" positive: "p" negative: "n" })";
  ExpectInvalid(ToLearnSpec(Parse<v1::StartJobRequest>(pairs)), "learner", "difference_of_means");
  EXPECT_LT(ToLearnSpec(Parse<v1::StartJobRequest>(pairs + "difference_of_means {}"))->layer, 0);
  EXPECT_EQ(
      ToLearnSpec(Parse<v1::StartJobRequest>(pairs + "difference_of_means { layer: 0 }"))->layer,
      0);
  ExpectInvalid(
      ToLearnSpec(Parse<v1::StartJobRequest>(pairs + "difference_of_means { layer: -1 }")),
      "difference_of_means.layer", "counted from 0");
  ExpectInvalid(
      ToLearnSpec(Parse<v1::StartJobRequest>(pairs + "difference_of_means {} alias: 'a b'")),
      "alias", "[A-Za-z0-9._/-]");
}

v1::RegisterSignalHeader GoodHeader() {
  v1::RegisterSignalHeader header;
  header.set_format("native");
  header.set_size(10);
  header.set_sha256(std::string(64, 'A'));
  return header;
}

TEST(ConvertTest, AnUploadHeaderIsCheckedFieldByField) {
  EXPECT_EQ(ToUploadHeader(GoodHeader())->sha256, std::string(64, 'a'));
  v1::RegisterSignalHeader header = GoodHeader();
  header.set_format("pickle");
  ExpectInvalid(ToUploadHeader(header), "header.format", "'pickle'");
  for (const int64_t size :
       {int64_t{0}, int64_t{-1}, (int64_t{1} << 30) + 1, std::numeric_limits<int64_t>::max()}) {
    header = GoodHeader();
    header.set_size(size);
    ExpectInvalid(ToUploadHeader(header), "header.size", std::to_string(size));
  }
  header = GoodHeader();
  header.set_sha256("abc");
  ExpectInvalid(ToUploadHeader(header), "header.sha256", "64 hex digits");
  header = GoodHeader();
  header.set_alias(std::string(64, '0'));
  ExpectInvalid(ToUploadHeader(header), "header.alias", "not 64 hex digits");
  header = GoodHeader();
  header.set_description(std::string(4097, 'x'));
  ExpectInvalid(ToUploadHeader(header), "header.description", "4097 bytes");
  header = GoodHeader();
  (*header.mutable_labels())["k"] = std::string(257, 'x');
  ExpectInvalid(ToUploadHeader(header), "header.labels[k]", "257 bytes");
  header = GoodHeader();
  (*header.mutable_labels())[std::string(65, 'k')] = "v";
  ExpectInvalid(ToUploadHeader(header), "header.labels", "1 to 64 bytes");
  header = GoodHeader();
  for (int i = 0; i < 33; ++i) (*header.mutable_labels())[std::to_string(i)] = "v";
  ExpectInvalid(ToUploadHeader(header), "header.labels", "33 labels");
}

TEST(ConvertTest, NamesAndPages) {
  EXPECT_TRUE(CheckAliasName("name", "team/calm-v1.2_x").ok());
  EXPECT_TRUE(CheckAliasName("name", std::string(128, 'a')).ok());
  for (const std::string& bad : {std::string(), std::string(129, 'a'), std::string("a b"),
                                 std::string("\xC3\xA9"), std::string(64, 'f')}) {
    EXPECT_FALSE(CheckAliasName("name", bad).ok()) << bad;
  }
  EXPECT_TRUE(IsSpeltAsId(std::string(64, 'f')));
  EXPECT_FALSE(IsSpeltAsId(std::string(64, 'F')));
  EXPECT_FALSE(IsSpeltAsId(std::string(63, 'f')));
  EXPECT_EQ(*ToPageSize(0), 100);
  EXPECT_EQ(*ToPageSize(1000), 1000);
  ExpectInvalid(ToPageSize(1001), "page_size", "1001");
  ExpectInvalid(ToPageSize(-1), "page_size", "-1");
}

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

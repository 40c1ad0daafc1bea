#include "client/steerctl/command_line.h"

#include <algorithm>

#include "client/steerctl/generation_options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ParseControlTest, NameAlone) {
  const auto control = ParseControl("team/polite-v2");
  ASSERT_TRUE(control.ok()) << control.status();
  EXPECT_EQ(control->signal(), "team/polite-v2");
  EXPECT_FALSE(control->has_multiplier());
  EXPECT_FALSE(control->has_bias_multiplier());
}

TEST(ParseControlTest, OneAndTwoMultipliers) {
  const auto one = ParseControl("polite=-1.5e1");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->multiplier(), -15);
  EXPECT_FALSE(one->has_bias_multiplier());

  const auto zero = ParseControl("polite=0");
  ASSERT_TRUE(zero.ok()) << zero.status();
  EXPECT_TRUE(zero->has_multiplier()) << "an explicit 0 is not the default";

  const auto two = ParseControl("polite=2:0");
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(two->multiplier(), 2);
  EXPECT_TRUE(two->has_bias_multiplier());
  EXPECT_EQ(two->bias_multiplier(), 0);
}

TEST(ParseControlTest, RefusesWhatIsNoSignal) {
  for (const char* text : {"", "=1", "a=", "a=x", "a=1x", "a=1:", "a=:1", "a=1:2:3", "a=inf",
                           "a=nan", "a=1e999", "a=1,2"}) {
    const auto control = ParseControl(text);
    EXPECT_TRUE(absl::IsInvalidArgument(control.status())) << "'" << text << "'";
    EXPECT_THAT(CheckText(control.status()),
                AllOf(HasSubstr(std::string("'") + text + "'"), HasSubstr("NAME=M")));
  }
}

TEST(ParseLogitBiasTest, TakesIdAndNumber) {
  const auto bias = ParseLogitBias("19556=-5.5");
  ASSERT_TRUE(bias.ok()) << bias.status();
  EXPECT_EQ(bias->first, 19556);
  EXPECT_EQ(bias->second, -5.5);
  for (const char* text : {"", "=", "1", "1=", "=1", "a=1", "1=a", "1=inf", "4294967296=1"}) {
    const auto wrong = ParseLogitBias(text);
    EXPECT_TRUE(absl::IsInvalidArgument(wrong.status())) << "'" << text << "'";
    EXPECT_THAT(CheckText(wrong.status()), HasSubstr("ID=B"));
  }
}

TEST(ParseLabelTest, SplitsAtTheFirstEqualsSign) {
  const auto label = ParseLabel("by=anna=b");
  ASSERT_TRUE(label.ok()) << label.status();
  EXPECT_EQ(label->first, "by");
  EXPECT_EQ(label->second, "anna=b");
  EXPECT_TRUE(ParseLabel("by=").ok());
  EXPECT_FALSE(ParseLabel("=x").ok());
  EXPECT_FALSE(ParseLabel("by").ok());
}

TEST(UsageErrorTest, IsTheSameErrorWithAMark) {
  const absl::Status plain = absl::NotFoundError("x: cannot be opened");
  const absl::Status marked = UsageError(plain);
  EXPECT_FALSE(IsUsageError(plain));
  EXPECT_TRUE(IsUsageError(marked));
  EXPECT_EQ(marked.code(), plain.code());
  EXPECT_EQ(marked.message(), plain.message());
}

// What a command line of `generate` turns into.
absl::StatusOr<v1::GenerateRequest> RequestOf(std::vector<std::string> arguments) {
  CLI::App app;
  GenerationOptions options;
  std::string prompt;
  app.add_option("prompt", prompt);
  AddGenerationOptions(app, options);
  AddSingleAnswerOptions(app, options);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants it
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  if (prompt != "hi") return absl::InternalError("the prompt was eaten: '" + prompt + "'");
  return ToRequest(options);
}

TEST(GenerationOptionsTest, LeavesOutWhatWasNotGiven) {
  const auto request = RequestOf({"hi"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->sampling().ByteSizeLong(), 0u);
  EXPECT_TRUE(request->controls().empty());
  EXPECT_FALSE(request->has_n());
  EXPECT_FALSE(request->echo());
  EXPECT_EQ(request->truncation(), v1::TRUNCATION_REFUSE);
}

TEST(GenerationOptionsTest, TakesEverything) {
  const auto request = RequestOf({"--signal",
                                  "a=-2",
                                  "--signal",
                                  "b",
                                  "hi",
                                  "--max-tokens",
                                  "5",
                                  "--temperature",
                                  "0",
                                  "--top-k",
                                  "0",
                                  "--top-p=0.5",
                                  "--seed",
                                  "18446744073709551615",
                                  "--stop",
                                  "x",
                                  "--stop=y z",
                                  "--positions",
                                  "generated",
                                  "--exclude-template-head",
                                  "--user-text-only",
                                  "--allow-other-weights"});
  ASSERT_TRUE(request.ok()) << request.status();
  const v1::Sampling& sampling = request->sampling();
  EXPECT_EQ(sampling.max_tokens(), 5);
  EXPECT_TRUE(sampling.has_temperature());
  EXPECT_EQ(sampling.temperature(), 0);
  EXPECT_TRUE(sampling.has_top_k());
  EXPECT_EQ(sampling.top_p(), 0.5);
  EXPECT_EQ(sampling.seed(), UINT64_MAX);
  EXPECT_THAT(sampling.stop(), testing::ElementsAre("x", "y z"));
  ASSERT_EQ(request->controls_size(), 2);
  EXPECT_EQ(request->controls(0).multiplier(), -2);
  EXPECT_FALSE(request->controls(1).has_multiplier());
  for (const v1::Control& control : request->controls()) {
    EXPECT_FALSE(control.positions().prompt());
    EXPECT_TRUE(control.positions().generated());
    EXPECT_TRUE(control.positions().exclude_template_head());
    EXPECT_TRUE(control.positions().user_text_only());
    EXPECT_TRUE(control.allow_other_weights());
  }
}

TEST(GenerationOptionsTest, TakesWhatBearsOnTheDraw) {
  const auto request =
      RequestOf({"hi", "--min-p=0.1", "--repetition-penalty", "1.5", "--presence-penalty=-1",
                 "--frequency-penalty=0.25", "--logit-bias", "5=-100", "--logit-bias", "7=2.5"});
  ASSERT_TRUE(request.ok()) << request.status();
  const v1::Sampling& sampling = request->sampling();
  EXPECT_EQ(sampling.min_p(), 0.1);
  EXPECT_EQ(sampling.repetition_penalty(), 1.5);
  EXPECT_EQ(sampling.presence_penalty(), -1);
  EXPECT_EQ(sampling.frequency_penalty(), 0.25);
  EXPECT_THAT(sampling.logit_bias(),
              testing::UnorderedElementsAre(testing::Pair(5, -100), testing::Pair(7, 2.5)));
}

TEST(GenerationOptionsTest, TakesWhatEndsAnAnswerAndWhatIsTold) {
  const auto request =
      RequestOf({"--stop-token", "3", "hi", "--stop-token=4", "--min-tokens", "2", "--ignore-eos",
                 "--n", "3", "--echo", "--top-log-probs", "2", "--prompt-log-probs=0"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->n(), 3);
  EXPECT_TRUE(request->echo());
  const v1::Sampling& sampling = request->sampling();
  EXPECT_THAT(sampling.stop_token_ids(), testing::ElementsAre(3, 4));
  EXPECT_EQ(sampling.min_tokens(), 2);
  EXPECT_TRUE(sampling.ignore_eos());
  EXPECT_TRUE(sampling.log_probs());
  EXPECT_EQ(sampling.top_log_probs(), 2);
  EXPECT_TRUE(sampling.has_prompt_log_probs());
  EXPECT_EQ(sampling.prompt_log_probs(), 0);
}

TEST(GenerationOptionsTest, Truncation) {
  const auto first = RequestOf({"hi", "--truncate", "first"});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->truncation(), v1::TRUNCATION_DROP_FIRST);
  const auto last = RequestOf({"hi", "--truncate=last"});
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->truncation(), v1::TRUNCATION_DROP_LAST);
  EXPECT_FALSE(RequestOf({"hi", "--truncate", "middle"}).ok());
}

TEST(GenerationOptionsTest, RefusesABadBias) {
  const auto request = RequestOf({"hi", "--logit-bias", "x=1"});
  EXPECT_THAT(std::string(request.status().message()), HasSubstr("got 'x=1'"));
}

TEST(GenerationOptionsTest, ABudgetInsteadOfMultipliers) {
  const auto request = RequestOf({"hi", "--signal", "a", "--signal=b", "--budget=-0.5", "--less",
                                  "b", "--curve", "c1", "--curve=c2"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->budget().max_utility_loss(), -0.5);
  EXPECT_THAT(request->budget().less_preference(), testing::ElementsAre("b"));
  EXPECT_THAT(request->budget().curve_ids(), testing::ElementsAre("c1", "c2"));
  const auto zero = RequestOf({"hi", "--signal", "a", "--budget", "0"});
  ASSERT_TRUE(zero.ok()) << zero.status();
  EXPECT_TRUE(zero->budget().has_max_utility_loss()) << "0 is a budget";
  EXPECT_FALSE(RequestOf({"hi", "--signal", "a"})->has_budget());
}

TEST(GenerationOptionsTest, ABudgetChoosesTheMultipliers) {
  const auto both = RequestOf({"hi", "--signal", "a", "--signal", "b=2", "--budget", "1"});
  EXPECT_TRUE(IsUsageError(both.status())) << both.status();
  EXPECT_THAT(std::string(both.status().message()),
              AllOf(HasSubstr("'b' with a multiplier"), HasSubstr("the budget chooses")));
  for (const std::vector<std::string>& line : {std::vector<std::string>{"hi", "--budget", "1"},
                                               {"hi", "--signal", "a", "--less", "a"},
                                               {"hi", "--signal", "a", "--curve", "c"},
                                               {"hi", "--signal", "a", "--budget", "much"}}) {
    EXPECT_FALSE(RequestOf(line).ok()) << line.back();
  }
}

TEST(GenerationOptionsTest, LeavesPositionsToTheSignalUnlessGiven) {
  const auto request = RequestOf({"hi", "--signal", "a"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_FALSE(request->controls(0).has_positions());
}

TEST(GenerationOptionsTest, RefusesABadSignal) {
  const auto request = RequestOf({"hi", "--signal", "a=b"});
  EXPECT_THAT(std::string(request.status().message()), HasSubstr("got 'a=b'"));
}

}  // namespace
}  // namespace steer

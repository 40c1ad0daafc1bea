#include "client/steerctl/analysis_options.h"

#include <fstream>

#include "client/steerctl/command_line.h"
#include "core/base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/parsed_options.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<v1::ScoreRequest> ScoreOf(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PairsPath());
  STEER_ASSIGN_OR_RETURN(const ScoreOptions options, Parsed(arguments, &AddScoreOptions));
  return ToRequest(options);
}

TEST(ScoreOptionsTest, LeavesOutWhatWasNotGiven) {
  const auto request = ScoreOf({});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->pairs_size(), 2);
  EXPECT_EQ(request->pairs(1).negative(), "t");
  EXPECT_TRUE(request->multipliers().empty());
  EXPECT_FALSE(request->has_end_of_turn());
  EXPECT_FALSE(request->has_both_spellings());
  EXPECT_TRUE(request->omit_pairs());
}

TEST(ScoreOptionsTest, TakesEverything) {
  const auto request = ScoreOf({"--signal", "a=1", "--signal=b", "--multipliers=-1,0,1.5",
                                "--system", "s", "--end-of-turn=no", "--as-spelt", "--pairs"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->controls_size(), 2);
  EXPECT_THAT(request->multipliers(), ElementsAre(-1, 0, 1.5));
  EXPECT_EQ(request->system(), "s");
  EXPECT_TRUE(request->has_end_of_turn());
  EXPECT_FALSE(request->end_of_turn());
  EXPECT_TRUE(request->has_both_spellings());
  EXPECT_FALSE(request->both_spellings());
  EXPECT_FALSE(request->omit_pairs());
}

TEST(ScoreOptionsTest, CsvAndJsonExcludeEachOther) {
  EXPECT_TRUE(ScoreOf({"--csv"}).ok());
  EXPECT_FALSE(ScoreOf({"--csv", "--json"}).ok());
  EXPECT_FALSE(ScoreOf({"--raw", "--system", "s"}).ok());
}

TEST(FitOptionsTest, ModeAndResamples) {
  const auto plain = Parsed({"ID"}, &AddFitOptions);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(ToRequest(*plain)->curve_id(), "ID");
  EXPECT_EQ(ToRequest(*plain)->mode(), v1::MEAN);
  EXPECT_EQ(ToRequest(*plain)->resamples(), 0);
  const auto full =
      Parsed({"ID", "--sum", "--resamples", "-1", "--csv", "--svg", "x.svg"}, &AddFitOptions);
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_EQ(ToRequest(*full)->mode(), v1::SUM);
  EXPECT_EQ(ToRequest(*full)->resamples(), -1);
  EXPECT_EQ(full->svg_path, "x.svg");
  EXPECT_FALSE(Parsed<FitOptions>({}, &AddFitOptions).ok());
}

TEST(RecommendOptionsTest, OneGoalOfTwo) {
  const auto loss = Parsed({"ID", "--max-loss", "-0.1", "--less"}, &AddRecommendOptions);
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_EQ(ToRequest(*loss)->goal_case(), v1::RecommendMultiplierRequest::kMaxUtilityLoss);
  EXPECT_EQ(ToRequest(*loss)->max_utility_loss(), -0.1);
  EXPECT_TRUE(ToRequest(*loss)->less_preference());
  const auto gain = Parsed({"ID", "--min-gain=0"}, &AddRecommendOptions);
  ASSERT_TRUE(gain.ok()) << gain.status();
  EXPECT_EQ(ToRequest(*gain)->goal_case(), v1::RecommendMultiplierRequest::kMinPreferenceGain);
  EXPECT_FALSE(Parsed({"ID", "--min-gain=0", "--max-loss=1"}, &AddRecommendOptions).ok());
  const auto neither = Parsed({"ID"}, &AddRecommendOptions);
  ASSERT_TRUE(neither.ok()) << neither.status();
  EXPECT_TRUE(IsUsageError(ToRequest(*neither).status()));
}

TEST(RecommendOptionsTest, ACheckHasItsQuestions) {
  const auto options = Parsed({"ID", "--max-loss=1", "--check", PairsPath(), "--max-nll=0.25"},
                              &AddRecommendOptions);
  ASSERT_TRUE(options.ok()) << options.status();
  const auto request = ToRequest(*options);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->check().questions(), ElementsAre("q", "r"));
  EXPECT_EQ(request->check().max_nll_increase(), 0.25);
  EXPECT_FALSE(ToRequest(*Parsed({"ID", "--max-loss=1"}, &AddRecommendOptions))->has_check());
  EXPECT_FALSE(Parsed({"ID", "--max-loss=1", "--max-nll=1"}, &AddRecommendOptions).ok());
}

}  // namespace
}  // namespace steer

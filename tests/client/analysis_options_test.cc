#include "client/steerctl/analysis_options.h"

#include <algorithm>
#include <fstream>

#include "client/steerctl/command_line.h"
#include "core/base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string PairsPath() {
  const std::string path = testing::TempDir() + "/analysis_options_pairs.jsonl";
  std::ofstream(path) << R"({"question": "q", "positive": "p", "negative": "n"})" << "\n"
                      << R"({"question": "r", "positive": "s", "negative": "t"})" << "\n";
  return path;
}

// What a command line turns into; `add` gives the command its options.
template <typename Options>
absl::StatusOr<Options> Parsed(std::vector<std::string> arguments,
                               void (*add)(CLI::App&, Options&)) {
  CLI::App app;
  // As in steerctl, where it belongs to all commands.
  bool json = false;
  app.add_flag("--json", json);
  Options options;
  add(app, options);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants it
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return options;
}

absl::StatusOr<v1::ScoreRequest> ScoreOf(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PairsPath());
  STEER_ASSIGN_OR_RETURN(const ScoreOptions options, Parsed(arguments, &AddScoreOptions));
  return ToRequest(options);
}

absl::StatusOr<v1::SweepRequest> SweepOf(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PairsPath());
  STEER_ASSIGN_OR_RETURN(const SweepOptions options, Parsed(arguments, &AddSweepOptions));
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

TEST(SweepOptionsTest, AGridOfMultipliers) {
  const auto request = SweepOf({"--signal", "polite", "--multipliers=-2,0,2", "--raw",
                                "--end-of-turn", "yes", "--positions", "generated"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->pairs_size(), 2);
  EXPECT_EQ(request->control().signal(), "polite");
  EXPECT_FALSE(request->control().has_multiplier());
  EXPECT_FALSE(request->control().positions().prompt());
  EXPECT_THAT(request->multipliers().values(), ElementsAre(-2, 0, 2));
  EXPECT_TRUE(request->raw());
  EXPECT_TRUE(request->end_of_turn());
}

TEST(SweepOptionsTest, ARangeWithNegativeEnds) {
  const auto request = SweepOf({"--signal=polite", "--from", "-8", "--to=-0.5", "--points", "30"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->adaptive().low(), -8);
  EXPECT_EQ(request->adaptive().high(), -0.5);
  EXPECT_EQ(request->adaptive().points(), 30);
  EXPECT_FALSE(request->control().has_positions());
  const auto plain = SweepOf({"--signal=polite", "--from=-8", "--to=8"});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->adaptive().points(), 0);
}

TEST(SweepOptionsTest, RefusesWhatContradictsItself) {
  const std::vector<std::vector<std::string>> lines = {
      {"--multipliers=1,2"},
      {"--signal=a", "--from=1"},
      {"--signal=a", "--to=1"},
      {"--signal=a", "--from=1", "--to=2", "--multipliers=1,2"},
      {"--signal=a", "--multipliers=1,2", "--points=3"},
      {"--signal=a", "--multipliers=1,x"},
      {"--signal=a", "--signal=b", "--multipliers=1,2"},
      {"--signal=a", "--multipliers=1,2", "--csv", "--json"},
  };
  for (const auto& line : lines) {
    EXPECT_FALSE(SweepOf(line).ok()) << line.front() << " … " << line.back();
  }
}

TEST(SweepOptionsTest, SaysWhatIsMissing) {
  const auto request = SweepOf({"--signal=a"});
  EXPECT_TRUE(IsUsageError(request.status())) << request.status();
  EXPECT_THAT(std::string(request.status().message()), HasSubstr("--from A --to B"));
}

TEST(SweepOptionsTest, TheSignalHasNoMultiplier) {
  const auto request = SweepOf({"--signal", "polite=2", "--multipliers=1,2"});
  EXPECT_THAT(std::string(request.status().message()),
              testing::AllOf(HasSubstr("got 'polite=2'"), HasSubstr("a sweep varies")));
}

TEST(SweepOptionsTest, AFileThatCannotBeReadIsAUsageError) {
  SweepOptions options;
  options.pairs.path = "/no/such/file";
  options.multipliers = {1, 2};
  options.control.signals = {"a"};
  EXPECT_TRUE(IsUsageError(ToRequest(options).status()));
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

#include "client/steerctl/sweep_options.h"

#include "client/steerctl/command_line.h"
#include "core/base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/parsed_options.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<v1::SweepRequest> SweepOf(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PairsPath());
  STEER_ASSIGN_OR_RETURN(const SweepOptions options, Parsed(arguments, &AddSweepOptions));
  return ToRequest(options);
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
      {"--signal=a", "b", "--multipliers=1,2"},
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

TEST(SweepOptionsTest, SeveralSignalsAreAFamily) {
  const auto request = SweepOf({"--signal", "a", "--signal=b", "--from=-4", "--to=4", "--positions",
                                "generated", "--allow-other-weights"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_FALSE(request->has_control());
  ASSERT_EQ(request->family_size(), 2);
  EXPECT_EQ(request->family(0).signal(), "a");
  EXPECT_EQ(request->family(1).signal(), "b");
  for (const v1::Control& control : request->family()) {
    EXPECT_FALSE(control.positions().prompt());
    EXPECT_TRUE(control.allow_other_weights());
    EXPECT_FALSE(control.has_multiplier());
  }
}

TEST(SweepOptionsTest, TwoTogether) {
  const auto request = SweepOf({"--signal=a", "--multipliers=-1,0,1", "--with", "b",
                                "--with-multipliers=0,-2.5", "--user-text-only"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->control().signal(), "a");
  EXPECT_EQ(request->second().control().signal(), "b");
  EXPECT_TRUE(request->second().control().positions().user_text_only());
  EXPECT_THAT(request->multipliers().values(), ElementsAre(-1, 0, 1));
  EXPECT_THAT(request->second().multipliers().values(), ElementsAre(0, -2.5));
  EXPECT_FALSE(SweepOf({"--signal=a", "--multipliers=1,2"})->has_second());
}

TEST(SweepOptionsTest, TwoTogetherAreOneOfEachWithMultipliersGiven) {
  const std::vector<std::vector<std::string>> lines = {
      {"--signal=a", "--multipliers=0,1", "--with=b"},
      {"--signal=a", "--multipliers=0,1", "--with-multipliers=0,1"},
      {"--signal=a", "--from=0", "--to=1", "--with=b", "--with-multipliers=0,1"},
      {"--signal=a", "--multipliers=0,1", "--with=b=2", "--with-multipliers=0,1"},
      {"--signal=a", "--multipliers=0,1", "--with=b", "--with-multipliers=0,1", "--fit"},
  };
  for (const auto& line : lines) EXPECT_FALSE(SweepOf(line).ok()) << line.back();
  const auto three = SweepOf(
      {"--signal=a", "--signal=b", "--multipliers=0,1", "--with=c", "--with-multipliers=0,1"});
  EXPECT_TRUE(IsUsageError(three.status())) << three.status();
  EXPECT_THAT(std::string(three.status().message()), HasSubstr("2 beside --with"));
}

}  // namespace
}  // namespace steer

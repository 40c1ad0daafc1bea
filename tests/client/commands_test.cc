// Whole commands of steerctl against a server that says what it was told to.

#include "client/steerctl/commands.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

#include "client/steerctl/command_line.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/drawn_svg.h"
#include "tests/client/parsed_options.h"
#include "tests/client/planted_map.h"
#include "tests/client/scripted_server.h"

namespace steer {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct Ran {
  absl::Status status;
  std::string out;
  std::string error;
};

class CommandsTest : public testing::Test {
 protected:
  Ran Run(std::vector<std::string> arguments) {
    Session session;
    session.connection.address = server_.address;
    CLI::App app;
    app.fallthrough();
    app.add_flag("--json", session.json);
    AddGenerateCommand(app, session);
    AddChatCommand(app, session);
    AddSweepCommand(app, session);
    AddProbeCommands(app, session);
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants it
    Ran ran;
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
      app.parse(arguments);
      ran.status = session.action();
    } catch (const CLI::ParseError& error) {
      ran.status = absl::InvalidArgumentError(error.what());
    }
    ran.out = testing::internal::GetCapturedStdout();
    ran.error = testing::internal::GetCapturedStderr();
    return ran;
  }

  // Two signals that are swept as a family.
  void ScriptFamily() {
    for (const double strength : {1.0, 0.5}) {
      v1::Curve& curve = server_.curves.emplace_back(MakeCurveAt({-1, 0, 1}, strength));
      const std::string letter = strength == 1 ? "a" : "b";
      curve.set_id(letter + letter);
      curve.set_signal_id(std::string(64, letter[0]));
    }
    server_.signals[std::string(64, 'a')].add_sites("layers.3.block_out");
  }
  Ran SweepFamily(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"sweep",  PairsPath(),     "--signal",
                                          "polite", "--signal=calm", "--multipliers=-1,0,1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  Ran SweepTwo(const std::vector<std::string>& more) {
    server_.curves = MakeTwo({-1, 0, 1}, {0, 2}).curves;
    std::vector<std::string> arguments = {"sweep",
                                          PairsPath(),
                                          "--signal",
                                          "polite",
                                          "--multipliers=-1,0,1",
                                          "--with",
                                          "brief",
                                          "--with-multipliers=0,2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  static std::string Read(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  ScriptedServer server_;
};

TEST_F(CommandsTest, AFamilyIsShownCurveByCurveAndThenAsMaps) {
  ScriptFamily();
  const Ran ran = SweepFamily({});
  EXPECT_TRUE(ran.status.ok()) << ran.status;
  EXPECT_EQ(server_.swept.family_size(), 2);
  EXPECT_THAT(ran.out, AllOf(StartsWith("polite · layers.3.block_out\nmultiplier "),
                             HasSubstr(" 3/30\n"), HasSubstr("curve: aa\n\ncalm\nmultiplier "),
                             HasSubstr(" 4/30\n"), HasSubstr("curve: bb\n\npreference against"),
                             HasSubstr("\n\nutility against the multiplier;")));
  EXPECT_EQ(Count(ran.out, "\npolite  layers.3.block_out  "), 2);
}

TEST_F(CommandsTest, AFamilyAsCsvAndJson) {
  ScriptFamily();
  const Ran csv = SweepFamily({"--csv"});
  EXPECT_THAT(csv.out, StartsWith("signal,multiplier,preference,"));
  EXPECT_EQ(Count(csv.out, "signal,"), 1);
  EXPECT_EQ(Count(csv.out, "\npolite,"), 3);
  EXPECT_EQ(Count(csv.out, "\ncalm,"), 3);
  EXPECT_EQ(Count(csv.out, "\n"), 7);
  EXPECT_THAT(csv.error, AllOf(HasSubstr("curve: aa\n"), HasSubstr("curve: bb\n")));

  const auto json = nlohmann::json::parse(SweepFamily({"--json", "--fit"}).out);
  ASSERT_EQ(json["curves"].size(), 2u);
  EXPECT_EQ(json["curves"][0]["signal"], "polite");
  EXPECT_EQ(json["curves"][0]["sites"], "layers.3.block_out");
  EXPECT_EQ(json["curves"][1]["curve"]["id"], "bb");
  EXPECT_EQ(json["curves"][1]["points"].size(), 3u);
  EXPECT_EQ(json["curves"][1]["points"][0]["control_set"], 1);
  EXPECT_EQ(json["curves"][1]["fit"]["curve"]["id"], "bb");
}

TEST_F(CommandsTest, OneFitThatFailsLeavesTheOthers) {
  ScriptFamily();
  server_.unfitted = "aa";
  const Ran ran = SweepFamily({"--fit"});
  EXPECT_TRUE(absl::IsFailedPrecondition(ran.status));
  EXPECT_THAT(std::string(ran.status.message()), HasSubstr("curve aa is kept"));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("\ncalm:\npreference: too few points\n"),
                             Not(HasSubstr("layers.3.block_out:\n"))));
}

TEST_F(CommandsTest, AFamilyThatBreaksOffKeepsWhatWasMeasured) {
  ScriptFamily();
  server_.curves.pop_back();
  server_.sweep_status = {grpc::StatusCode::NOT_FOUND, "no such signal"};
  const Ran ran = SweepFamily({"--csv"});
  EXPECT_TRUE(absl::IsNotFound(ran.status));
  EXPECT_EQ(Count(ran.out, "\npolite,"), 3);
  EXPECT_THAT(ran.error, HasSubstr("kept: the first 1 of 2 curves"));
  server_.sweep_status = grpc::Status::OK;
  EXPECT_TRUE(absl::IsDataLoss(SweepFamily({}).status)) << "a curve is missing";
}

TEST_F(CommandsTest, OneSignalIsShownAsBefore) {
  server_.curves = {MakeCurveAt({-1, 0, 1}, 1)};
  const std::vector<std::string> line = {"sweep", PairsPath(), "--signal", "polite",
                                         "--multipliers=-1,0,1"};
  const Ran ran = Run(line);
  EXPECT_TRUE(ran.status.ok()) << ran.status;
  EXPECT_THAT(ran.out, AllOf(StartsWith("multiplier "), Not(HasSubstr("against the"))));
  EXPECT_EQ(server_.swept.control().signal(), "polite");
  std::vector<std::string> as_json = line;
  as_json.emplace_back("--json");
  const auto json = nlohmann::json::parse(Run(as_json).out);
  EXPECT_EQ(json["curve"]["points"].size(), 3u);
  EXPECT_FALSE(json.contains("signal"));
}

TEST_F(CommandsTest, TwoSignalsAreShownAsMaps) {
  const Ran ran = SweepTwo({});
  EXPECT_TRUE(ran.status.ok()) << ran.status;
  EXPECT_EQ(server_.swept.second().control().signal(), "brief");
  EXPECT_THAT(ran.out, AllOf(StartsWith("preference against the multiplier of polite;"),
                             HasSubstr("\nmultiplier of brief  "), HasSubstr("\ncurve: ccc")));
  EXPECT_THAT(SweepTwo({"--csv"}).out, StartsWith("multiplier,second_multiplier,preference,"));
  const auto json = nlohmann::json::parse(SweepTwo({"--json"}).out);
  EXPECT_EQ(json["curve"]["second"]["signal_id"], std::string(64, 'b'));
  EXPECT_EQ(json["curve"]["points"][1]["second_multiplier"], 2);
}

TEST_F(CommandsTest, MapsAreDrawn) {
  ScriptFamily();
  const std::string path = testing::TempDir() + "/commands_test_map.svg";
  ASSERT_TRUE(SweepFamily({"--svg", path}).status.ok());
  EXPECT_THAT(Read(path), HasSubstr(">polite · layers.3.block_out<"));
  ASSERT_TRUE(SweepTwo({"--svg", path}).status.ok());
  EXPECT_THAT(Read(path), HasSubstr(">Map of polite and brief<"));
  const Ran nowhere = SweepTwo({"--svg", "/no/such/folder/x.svg"});
  EXPECT_TRUE(IsUsageError(nowhere.status));
  EXPECT_THAT(nowhere.out, HasSubstr("curve: ccc")) << "what was measured is shown";
}

TEST_F(CommandsTest, ABudgetIsAskedForAndTold) {
  server_.receipt.add_controls()->mutable_control()->set_signal("polite");
  server_.receipt.mutable_budget()->set_max_utility_loss(0.3);
  server_.receipt.mutable_budget()->add_shares()->set_curve_id(std::string(64, 'c'));
  const Ran ran =
      Run({"generate", "hi", "--signal", "polite", "--budget", "0.3", "--plain-too", "--verbose"});
  EXPECT_TRUE(ran.status.ok()) << ran.status;
  EXPECT_EQ(ran.out, "--- polite, within 0.3 nats ---\nsteered\n\n--- plain ---\nplain\n");
  EXPECT_THAT(ran.error, HasSubstr("budget of 0.3 nats"));
  EXPECT_EQ(ran.error.find("budget of"), ran.error.rfind("budget of"));
  ASSERT_EQ(server_.generated.size(), 2u);
  EXPECT_EQ(server_.generated[0].budget().max_utility_loss(), 0.3);
  EXPECT_FALSE(server_.generated[1].has_budget());
  EXPECT_TRUE(server_.generated[1].controls().empty());
  EXPECT_EQ(server_.generated[1].sampling().seed(), 7u);

  const auto json = nlohmann::json::parse(
      Run({"generate", "hi", "--signal", "polite", "--budget", "0.3", "--json"}).out);
  EXPECT_EQ(json["finished"]["receipt"]["budget"]["shares"][0]["curve_id"], std::string(64, 'c'));
}

TEST_F(CommandsTest, AMultiplierBesideABudgetIsRefusedBeforeTheCall) {
  const Ran ran = Run({"generate", "hi", "--signal", "polite=1", "--budget", "0.3"});
  EXPECT_TRUE(IsUsageError(ran.status)) << ran.status;
  EXPECT_THAT(server_.generated, IsEmpty());
}

TEST_F(CommandsTest, ChatKeepsToItsBudget) {
  std::istringstream typed(
      "one\n/signal calm=2\n/signal calm\ntwo\n/signal polite=0\nthree\n/signal calm=0\nfour\n");
  std::streambuf* const before = std::cin.rdbuf(typed.rdbuf());
  const Ran ran = Run({"chat", "--signal", "polite", "--budget", "0.5", "--less", "polite"});
  std::cin.rdbuf(before);
  std::cin.clear();
  EXPECT_TRUE(ran.status.ok()) << ran.status;
  EXPECT_THAT(ran.error, HasSubstr("'calm' with a multiplier beside --budget"));
  EXPECT_THAT(ran.out, HasSubstr("less polite, calm, within 0.5 nats\n"));
  ASSERT_EQ(server_.generated.size(), 4u);
  EXPECT_EQ(server_.generated[0].controls_size(), 1);
  EXPECT_THAT(server_.generated[1].budget().less_preference(), ElementsAre("polite"));
  EXPECT_EQ(server_.generated[1].controls_size(), 2);
  EXPECT_THAT(server_.generated[2].budget().less_preference(), IsEmpty());
  EXPECT_EQ(server_.generated[2].budget().max_utility_loss(), 0.5);
  EXPECT_FALSE(server_.generated[3].has_budget()) << "nothing steers";
}

TEST_F(CommandsTest, ProbesAreSetListedAndDeleted) {
  const Ran set = Run({"probes", "set", "polite", PairsPath(), "--as-spelt", "--end-of-turn=no"});
  EXPECT_EQ(set.out, "polite is watched with 2 pairs from now on\n");
  EXPECT_EQ(server_.probe_set.pairs(1).negative(), "t");
  EXPECT_TRUE(server_.probe_set.has_both_spellings());
  EXPECT_FALSE(server_.probe_set.both_spellings());
  EXPECT_TRUE(server_.probe_set.has_end_of_turn());
  EXPECT_TRUE(IsUsageError(Run({"probes", "set", "polite", "/no/such/file"}).status));

  EXPECT_THAT(Run({"probes", "list"}).out, HasSubstr("No signal is watched"));
  server_.probes.emplace_back().set_signal("polite");
  EXPECT_THAT(Run({"probes", "list"}).out, HasSubstr("\npolite "));
  EXPECT_EQ(nlohmann::json::parse(Run({"probes", "list", "--json"}).out)[0]["signal"], "polite");

  EXPECT_EQ(Run({"probes", "delete", "polite"}).out, "No longer watched: polite\n");
  EXPECT_EQ(server_.probe_deleted, "polite");
  EXPECT_TRUE(absl::IsNotFound(Run({"probes", "delete", "nobody"}).status));
}

TEST_F(CommandsTest, ProbeRunsOfAllPages) {
  EXPECT_THAT(Run({"probes", "show", "polite"}).out, HasSubstr("No runs yet"));
  EXPECT_EQ(Count(Run({"probes", "show", "polite", "--csv"}).out, "\n"), 1) << "the header";
  for (const int pairs : {30, 20}) server_.runs.emplace_back().set_pairs(pairs);
  const std::string table = Run({"probes", "show", "polite"}).out;
  EXPECT_EQ(Count(table, "\n"), 3);
  EXPECT_LT(table.find("30"), table.find("20"));
  EXPECT_EQ(Count(Run({"probes", "show", "polite", "--csv"}).out, "\n"), 3);
  const auto json = nlohmann::json::parse(Run({"probes", "show", "polite", "--json"}).out);
  EXPECT_EQ(json[1]["pairs"], 20);
}

}  // namespace
}  // namespace steer

#include "core/runtime/probe_state.h"

#include <string>

#include "core/runtime/signal_use.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

ResolvedControl Control(const std::string& id, double m1, double m2) {
  return {.name = "name", .signal_id = id, .m1 = m1, .m2 = m2};
}

TEST(SignalUseTest, WhatIsUsedMostComesFirst) {
  SignalUse use;
  for (int i = 0; i < 3; ++i) use.Add({Control("a", 2, 2), Control("b", 1, 1)});
  use.Add({Control("a", -1, -1)});
  use.Add({Control("a", 2, 1)});
  use.Add({Control("a", 0, 0)});  // off
  const auto taken = use.Take("a", 8);
  ASSERT_THAT(taken, SizeIs(3));
  EXPECT_EQ(taken[0].m1, 2);
  EXPECT_EQ(taken[0].uses, 3);
  EXPECT_EQ(taken[1].m1, -1);  // of equals the nearer to 0
  EXPECT_EQ(taken[2].m2, 1);
  EXPECT_THAT(use.Take("a", 8), IsEmpty());
  EXPECT_THAT(use.Take("b", 8), SizeIs(1));
  EXPECT_THAT(use.Take("nobody", 8), IsEmpty());
}

TEST(SignalUseTest, MultipliersAreToldApartByThreeDigitsAndPositionsWholly) {
  SignalUse use;
  use.Add({Control("a", 1.0001, 1.0001)});
  use.Add({Control("a", 0.9999, 0.9999)});
  use.Add({Control("a", 1.01, 1.01)});
  ResolvedControl other = Control("a", 1, 1);
  other.positions.prompt = false;
  use.Add({other});
  const auto taken = use.Take("a", 8);
  ASSERT_THAT(taken, SizeIs(3));
  EXPECT_EQ(taken[0].uses, 2);
  EXPECT_DOUBLE_EQ(taken[0].m1, 1);
}

TEST(SignalUseTest, NobodyFillsTheMemory) {
  SignalUse use;
  for (int i = 1; i <= 1000; ++i) use.Add({Control("a", i, i)});
  use.Add({Control("a", 1, 1)});
  EXPECT_THAT(use.Take("a", 10000), SizeIs(256));
  for (int i = 1; i <= 1000; ++i) use.Add({Control("a", i, i)});
  EXPECT_THAT(use.Take("a", 8), SizeIs(8));
}

ProbeRun RunOf(double gain, std::optional<double> loss) {
  ProbeRun run{.plain_preference = 1, .plain_utility = 2};
  // Three times as often at the first.
  run.points = {{.multiplier = 1, .uses = 3, .preference = 1 + gain},
                {.multiplier = 5, .uses = 1, .preference = 1 + gain + 4}};
  if (loss) {
    run.points[0].utility = 2 - *loss;
    run.points[1].utility = 2 - *loss - 4;
  }
  return run;
}

TEST(ProbeEffectTest, UsesAreWeights) {
  const ProbeEffect effect = EffectOf(RunOf(0.5, 0.25));
  EXPECT_DOUBLE_EQ(effect.multiplier, 2);
  EXPECT_DOUBLE_EQ(effect.preference_gain, 1.5);
  EXPECT_DOUBLE_EQ(effect.preference, 2.5);
  EXPECT_DOUBLE_EQ(*effect.utility_loss, 1.25);
  EXPECT_DOUBLE_EQ(*effect.utility, 0.75);
  EXPECT_FALSE(EffectOf(RunOf(0.5, std::nullopt)).utility_loss.has_value());
}

TEST(ProbeEffectTest, DriftIsAgainstTheFirstRun) {
  ProbeState state{.first = RunOf(0.5, 0.25), .last = RunOf(0.75, 1.25)};
  EXPECT_DOUBLE_EQ(*DriftOf(state).preference, 0.25);
  EXPECT_DOUBLE_EQ(*DriftOf(state).utility, -1);
  state.first = RunOf(0.5, std::nullopt);
  EXPECT_FALSE(DriftOf(state).utility.has_value());
  state.last.reset();
  EXPECT_FALSE(DriftOf(state).preference.has_value());
}

TEST(ProbeDefinitionTest, WhatIsKeptComesBack) {
  PairSetSpec pairs;
  pairs.pairs = {{"q \"1\"", "yes\n", "n\u00f6"}, {"", "a", "b"}};
  pairs.system = "be kind";
  pairs.raw = true;
  pairs.end_of_turn = false;
  pairs.both_spellings = false;
  const auto back = ToPairSet({.signal = "calm", .definition = ToDefinition(pairs)});
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_THAT(back->pairs, SizeIs(2));
  EXPECT_EQ(back->pairs[0].question, pairs.pairs[0].question);
  EXPECT_EQ(back->pairs[0].negative, pairs.pairs[0].negative);
  EXPECT_EQ(back->system, "be kind");
  EXPECT_TRUE(back->raw);
  EXPECT_EQ(back->end_of_turn, false);
  EXPECT_FALSE(back->both_spellings);
  pairs.end_of_turn.reset();
  EXPECT_FALSE(ToPairSet({.definition = ToDefinition(pairs)})->end_of_turn.has_value());
  for (const char* damaged : {"", "{}", "[]",
                              R"({"pairs":[["a","b"]],"system":"","raw":false,"end_of_turn":null,)"
                              R"("both_spellings":true})"}) {
    EXPECT_EQ(ToPairSet({.definition = damaged}).status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace steer

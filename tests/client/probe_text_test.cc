#include "client/steerctl/probe_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

v1::ProbePoint Point(double multiplier, int uses) {
  v1::ProbePoint point;
  point.set_multiplier(multiplier);
  point.set_bias_multiplier(multiplier);
  point.set_uses(uses);
  point.set_preference(0.5);
  return point;
}

v1::ProbeRun RunOf() {
  v1::ProbeRun run;
  run.set_signal_id("0123456789abcdef");
  run.set_model_fingerprint("a:b");
  run.set_measured_unix_ms(1'000'000'000'000);
  run.set_pairs(30);
  run.set_plain_preference(-0.25);
  run.set_preference_gain(0.75);
  *run.add_points() = Point(2, 31);
  *run.add_points() = Point(-1, 4);
  run.mutable_points(1)->set_bias_multiplier(0);
  run.mutable_points(1)->mutable_positions()->set_prompt(false);
  run.mutable_points(1)->mutable_positions()->set_user_text_only(true);
  run.mutable_points(1)->set_utility(-2);
  return run;
}

TEST(ProbeTableTest, ShowsTheLastRunAndItsDrift) {
  v1::Probe fresh;
  fresh.set_signal("calm");
  fresh.set_pairs(5);
  v1::Probe used;
  used.set_signal("polite");
  used.set_pairs(30);
  *used.mutable_last() = RunOf();
  used.mutable_last()->set_utility_loss(0.125);
  used.set_preference_drift(-0.5);
  used.set_utility_drift(0);
  used.set_runs(7);
  used.set_failures(1);
  used.set_error("no room");
  EXPECT_EQ(
      ProbeTable({fresh, used}).ToString(),
      "SIGNAL  PAIRS  MEASURED (UTC)       MULTIPLIERS               GAIN     LOSS  GAIN DRIFT  "
      "UTILITY DRIFT  RUNS  FAILED  ERROR\n"
      "calm        5  not yet                                           -        -           -  "
      "            -     0       0\n"
      "polite     30  2001-09-09 01:46:40  2 (31 uses), -1:0 (4)  +0.7500  +0.1250     -0.5000  "
      "      +0.0000     7       1  no room\n");
}

TEST(ProbeRunTableTest, HasARowForEachRun) {
  v1::ProbeRun many = RunOf();
  for (const double m : {3, 4, 5}) *many.add_points() = Point(m, 1);
  many.set_plain_utility(1);
  EXPECT_EQ(ProbeRunTable({RunOf(), many}).ToString(),
            "MEASURED (UTC)       PAIRS  PLAIN PREFERENCE  PLAIN UTILITY     GAIN  LOSS  SIGNAL   "
            "     MULTIPLIERS\n"
            "2001-09-09 01:46:40     30           -0.2500              -  +0.7500     -  "
            "0123456789ab  2 (31 uses), -1:0 (4)\n"
            "2001-09-09 01:46:40     30           -0.2500        +1.0000  +0.7500     -  "
            "0123456789ab  2 (31 uses), -1:0 (4), 3 (1), and 2 more\n");
}

TEST(ProbeRunCsvTest, HasALineForEachMultiplier) {
  v1::ProbeRun bare = RunOf();
  bare.clear_points();
  bare.set_utility_loss(-0.5);
  EXPECT_EQ(ProbeRunCsv({RunOf(), bare}),
            "measured_unix_ms,signal_id,model_fingerprint,pairs,plain_preference,plain_utility,"
            "preference_gain,utility_loss,multiplier,bias_multiplier,uses,preference,utility,"
            "prompt,generated,exclude_template_head,user_text_only\n"
            "1000000000000,0123456789abcdef,a:b,30,-0.25,,0.75,,2,2,31,0.5,,1,1,0,0\n"
            "1000000000000,0123456789abcdef,a:b,30,-0.25,,0.75,,-1,0,4,0.5,-2,0,1,0,1\n"
            "1000000000000,0123456789abcdef,a:b,30,-0.25,,0.75,-0.5,,,,,,,,,\n");
}

}  // namespace
}  // namespace steer

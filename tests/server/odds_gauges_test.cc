#include "server/odds_gauges.h"

#include <map>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "server/signal_labels.h"

namespace steer {
namespace {

// "name{level,mode,signal,source}" -> value, of every series there is.
std::map<std::string, double> Series(const prometheus::Registry& registry) {
  std::map<std::string, double> series;
  for (const prometheus::MetricFamily& family : registry.Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::map<std::string, std::string> labels;
      for (const auto& label : metric.label) labels[label.name] = label.value;
      std::string key = family.name + "{";
      for (const auto& [name, value] : labels) key += value + ",";
      key.back() = '}';
      series[key] = metric.gauge.value;
    }
  }
  return series;
}

OddsSummary Odds(double preference, std::optional<double> utility) {
  OddsSummary odds;
  odds.preference = preference;
  odds.utility = utility;
  return odds;
}

TEST(OddsLevelTest, EightLevelsOpenBelowAndClosedAbove) {
  const std::pair<double, const char*> cases[] = {
      {-1e300, "<=-2"},   {-2.0001, "<=-2"},    {-2, "<=-2"},         {-1.9999, "-2..-0.5"},
      {-0.5, "-2..-0.5"}, {-0.4999, "-0.5..0"}, {-1e-300, "-0.5..0"}, {0, "0"},
      {-0.0, "0"},        {1e-300, "0..0.5"},   {0.5, "0..0.5"},      {0.5001, "0.5..1"},
      {1, "0.5..1"},      {1.0001, "1..2"},     {2, "1..2"},          {2.0001, ">2"},
      {1e300, ">2"}};
  std::set<std::string> levels;
  for (const auto& [x, level] : cases) {
    EXPECT_STREQ(OddsLevel(x), level) << x;
    levels.insert(level);
  }
  EXPECT_EQ(levels.size(), 8u);
}

TEST(OddsLevelTest, IsRelativeToTheSignalsDefault) {
  EXPECT_EQ(RelativeMultiplier(6, 3), 2);
  EXPECT_EQ(RelativeMultiplier(6, -3), -2);
  EXPECT_EQ(RelativeMultiplier(6, 0), 6);
}

TEST(OddsGaugesTest, SetsBothOddsInBothModesAtTheLevel) {
  prometheus::Registry registry;
  OddsGauges gauges(registry);
  gauges.Set(
      {.label = "calm", .signal_id = "a", .x = 1.5, .mean = Odds(2, -1), .sum = Odds(20, -9)});
  EXPECT_EQ(Series(registry),
            (std::map<std::string, double>{{"steer_preference_log_odds{1..2,mean,calm,score}", 2},
                                           {"steer_preference_log_odds{1..2,sum,calm,score}", 20},
                                           {"steer_utility_log_odds{1..2,mean,calm,score}", -1},
                                           {"steer_utility_log_odds{1..2,sum,calm,score}", -9}}));
}

TEST(OddsGaugesTest, ALaterScoreReplacesAndAnUndefinedUtilityGoes) {
  prometheus::Registry registry;
  OddsGauges gauges(registry);
  gauges.Set({.label = "calm", .signal_id = "a", .x = 1, .mean = Odds(2, -1), .sum = Odds(20, -9)});
  gauges.Set(
      {.label = "calm", .signal_id = "a", .x = 0.7, .mean = Odds(3, {}), .sum = Odds(30, -8)});
  EXPECT_EQ(Series(registry),
            (std::map<std::string, double>{{"steer_preference_log_odds{0.5..1,mean,calm,score}", 3},
                                           {"steer_preference_log_odds{0.5..1,sum,calm,score}", 30},
                                           {"steer_utility_log_odds{0.5..1,sum,calm,score}", -8}}));
}

TEST(OddsGaugesTest, AnotherVersionUnderTheNameEndsTheOldOnesSeries) {
  prometheus::Registry registry;
  OddsGauges gauges(registry);
  gauges.Set({.label = "calm", .signal_id = "a", .x = 1, .mean = Odds(2, {}), .sum = Odds(20, {})});
  gauges.Set({.label = "calm", .signal_id = "b", .x = 2, .mean = Odds(5, {}), .sum = Odds(50, {})});
  EXPECT_EQ(Series(registry), (std::map<std::string, double>{
                                  {"steer_preference_log_odds{1..2,mean,calm,score}", 5},
                                  {"steer_preference_log_odds{1..2,sum,calm,score}", 50}}));
}

TEST(OddsGaugesTest, ForgetsOneNameAndKeepsTheOthers) {
  prometheus::Registry registry;
  OddsGauges gauges(registry);
  for (const char* label : {"calm", "loud"}) {
    for (const double x : {-3.0, 0.0, 3.0}) {
      gauges.Set({.label = label, .signal_id = "a", .x = x, .mean = Odds(2, 1), .sum = Odds(2, 1)});
    }
  }
  EXPECT_EQ(Series(registry).size(), 24u);
  gauges.Forget("calm");
  const auto left = Series(registry);
  EXPECT_EQ(left.size(), 12u);
  for (const auto& [name, value] : left) EXPECT_NE(name.find("loud"), std::string::npos) << name;
  gauges.Forget("never seen");
}

TEST(SignalLabelsTest, TheFirstNamesGetLabelsTheRestIsOther) {
  SignalLabels labels(2);
  EXPECT_EQ(labels.Use("a"), "a");
  EXPECT_EQ(labels.Use("b"), "b");
  EXPECT_EQ(labels.Use("c"), "other");
  EXPECT_EQ(labels.Use("a"), "a");
  EXPECT_EQ(labels.Use(""), "other");
  EXPECT_TRUE(labels.Has("b"));
  EXPECT_FALSE(labels.Has("c"));
  EXPECT_TRUE(labels.Has("other"));
}

TEST(SignalLabelsTest, ADeletedNameMakesRoom) {
  SignalLabels labels(1);
  EXPECT_EQ(labels.Use("a"), "a");
  labels.Forget("a");
  EXPECT_FALSE(labels.Has("a"));
  EXPECT_EQ(labels.Use("c"), "c");
}

}  // namespace
}  // namespace steer

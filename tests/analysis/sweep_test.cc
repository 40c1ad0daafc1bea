#include "core/analysis/sweep.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

// A point of one pair with these odds.
ScorePoint Point(double multiplier, double preference, std::optional<double> utility) {
  ScoredPair pair;
  pair.mean.preference = preference;
  pair.mean.utility = utility;
  return MakeScorePoint(multiplier, {pair});
}

std::vector<ScorePoint> Points(const std::vector<double>& multipliers, double (*preference)(double),
                               std::optional<double> (*utility)(double)) {
  std::vector<ScorePoint> points;
  for (const double m : multipliers) points.push_back(Point(m, preference(m), utility(m)));
  return points;
}

std::optional<double> Undefined(double) { return std::nullopt; }

TEST(SweepTest, TheFirstMultipliersAreEvenAndHaveZero) {
  EXPECT_THAT(FirstMultipliers({.low = -2, .high = 2, .initial = 5}), ElementsAre(-2, -1, 0, 1, 2));
  EXPECT_THAT(FirstMultipliers({.low = -1, .high = 2, .initial = 3}), ElementsAre(-1, 0, 0.5, 2));
  EXPECT_THAT(FirstMultipliers({.low = 1, .high = 3, .initial = 3}), ElementsAre(1, 2, 3));
  EXPECT_THAT(FirstMultipliers({.low = 0, .high = 3, .initial = 4}), ElementsAre(0, 1, 2, 3));
  // -0.3 + 3 steps of 0.1 is not 0 in binary.
  const std::vector<double> grid = FirstMultipliers({.low = -0.3, .high = 0.6, .initial = 10});
  EXPECT_EQ(grid.size(), 10U);
  EXPECT_EQ(std::count(grid.begin(), grid.end(), 0.0), 1);
}

TEST(SweepTest, TheNextMultipliersAreWhereTheCurveBends) {
  // Straight, then flat from 3 on.
  const auto kink = [](double m) { return std::min(m, 3.0); };
  const std::vector<ScorePoint> points = Points({0, 1, 2, 3, 4, 5, 6}, +kink, Undefined);
  EXPECT_THAT(NextMultipliers(points, 2), ElementsAre(2.5, 3.5));
  // Of equals the first; a straight line is cut last, but the bend not for ever.
  EXPECT_THAT(NextMultipliers(points, 1), ElementsAre(2.5));
  EXPECT_THAT(NextMultipliers(points, 4),
              ElementsAre(2 + 1 / 3.0, 2 + 2 / 3.0, 3 + 1 / 3.0, 3 + 2 / 3.0));
  EXPECT_THAT(NextMultipliers(points, 0), ElementsAre());
  EXPECT_THAT(NextMultipliers({points[0], points[1]}, 5), ElementsAre());
}

TEST(SweepTest, UtilityCountsAsMuchAsPreferenceWhateverItsUnit) {
  const auto straight = [](double m) { return 1000 * m; };
  const auto peak = [](double m) { return std::optional<double>(0.001 * -std::abs(m - 4)); };
  EXPECT_THAT(NextMultipliers(Points({0, 1, 2, 3, 4, 5, 6}, +straight, +peak), 2),
              ElementsAre(3.5, 4.5));
  // A utility that is undefined somewhere is none.
  const auto partly = [](double m) {
    return m == 0 ? std::nullopt : std::optional<double>(-std::abs(m - 4));
  };
  EXPECT_THAT(NextMultipliers(Points({0, 1, 2, 3, 4, 5, 6}, +straight, +partly), 2),
              ElementsAre(0.5, 1.5));
}

// Preference is tanh(m): the answer's loss is what the multiplier makes of it.
class TanhScorer final : public Scorer {
 public:
  size_t controls() const override { return 1; }
  absl::Status Score(const std::vector<ForcedGroup>& groups, const std::vector<Strength>& strengths,
                     const std::function<bool()>&,
                     const std::function<void(size_t, GroupLogProbs)>& on_group) override {
    for (size_t i = 0; i < groups.size(); ++i) {
      GroupLogProbs result;
      for (const Strength& strength : strengths)
        result.push_back({{-2.0}, {-2.0 - std::tanh(4 * strength.front())}});
      on_group(i, std::move(result));
    }
    return absl::OkStatus();
  }
};

TEST(SweepTest, AnAdaptiveSweepEndsCloserToTheCurveThanAnEvenOne) {
  ForcedText text;
  text.tokens = {1, 2};
  text.layout.prompt_length = 1;
  const std::vector<TokenPair> pairs(3, {.positive = {text}, .negative = {text}});
  TanhScorer scorer;
  int64_t last_done = 0, last_total = 0;
  size_t handed_on = 0;
  ScoreListener listener;
  listener.on_point = [&](const ScorePoint&) { return ++handed_on > 0; };
  listener.on_progress = [&](int64_t done, int64_t total) {
    EXPECT_GT(done, last_done);
    last_done = done;
    last_total = total;
    return true;
  };
  const AdaptiveGrid grid{.low = -10, .high = 10, .points = 21, .initial = 9};
  const auto points = SweepAdaptively(scorer, pairs, grid, [] { return false; }, listener);
  ASSERT_TRUE(points.ok()) << points.status();
  EXPECT_EQ(points->size(), 21U);
  EXPECT_EQ(handed_on, 21U);
  EXPECT_EQ(last_done, 63);
  EXPECT_EQ(last_total, 63);
  // The greatest distance of the curve from straight lines between the points.
  const auto worst = [](const std::vector<double>& multipliers) {
    double distance = 0;
    for (size_t i = 0; i + 1 < multipliers.size(); ++i) {
      const double low = multipliers[i], high = multipliers[i + 1];
      for (int step = 1; step < 200; ++step) {
        const double share = step / 200.0, m = low + share * (high - low);
        const double line = (1 - share) * std::tanh(4 * low) + share * std::tanh(4 * high);
        distance = std::max(distance, std::abs(line - std::tanh(4 * m)));
      }
    }
    return distance;
  };
  std::vector<double> adaptive, even;
  for (size_t i = 0; i < points->size(); ++i) {
    if (i > 0) {
      EXPECT_LT((*points)[i - 1].multiplier, (*points)[i].multiplier);
    }
    adaptive.push_back((*points)[i].multiplier);
    even.push_back(-10.0 + static_cast<double>(i));
  }
  EXPECT_LT(worst(adaptive), 0.5 * worst(even));
}

}  // namespace
}  // namespace steer

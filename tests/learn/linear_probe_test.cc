#include "core/learn/linear_probe.h"

#include <cmath>
#include <random>

#include "gtest/gtest.h"

namespace steer {
namespace {

// Pairs of rows, positive ones at (x, noise) and negative ones at (-x, noise).
ActivationRows Rows(int pairs, size_t width, double x, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  ActivationRows rows;
  for (int i = 0; i < 2 * pairs; ++i) {
    std::vector<float> row(width);
    for (float& value : row) value = static_cast<float>(normal(random));
    row[0] += static_cast<float>(i % 2 == 0 ? x : -x);
    rows.Add(row);
  }
  rows.Centre();
  return rows;
}

// One dimension, activations at +-1: the mean loss log(1 + exp(-w)) + l2 / 2 w^2 is least where
// w = 1 / (l2 (1 + exp(w))), and the direction is 1.
TEST(LinearProbeTest, TwoPointsAreToldApart) {
  ActivationRows rows;
  rows.Add(std::vector<float>{1});
  rows.Add(std::vector<float>{-1});
  const auto probe = FitLinearProbe(rows, {.l2 = 0.1});
  ASSERT_TRUE(probe.has_value());
  EXPECT_EQ(probe->direction, std::vector<double>{1});
  EXPECT_EQ(probe->accuracy, 1);
  EXPECT_FALSE(probe->held_out_accuracy.has_value());
}

// At the optimum of the raw problem the gradient along w, b left free, is -l2 w: checked on a
// problem small enough to write down, by a step in every direction that must not lower the loss.
TEST(LinearProbeTest, TheDirectionIsThatOfTheLeastLoss) {
  constexpr size_t kWidth = 6;
  constexpr double kL2 = 0.02;
  ActivationRows rows = Rows(30, kWidth, 0.7, 3);
  const auto probe = FitLinearProbe(rows, {.l2 = kL2});
  ASSERT_TRUE(probe.has_value());
  const double scale = std::sqrt(60 / rows.SquareSum());
  // The least loss over length and offset, by a search that halves its steps.
  const auto least = [&](const std::vector<double>& direction) {
    const std::vector<double> projected = rows.Times(direction);
    const double length = Norm(direction);
    const auto loss = [&](double w, double b) {
      double sum = 0;
      for (size_t i = 0; i < projected.size(); ++i) {
        const double z = w * scale * projected[i] / length + b;
        sum += std::log1p(std::exp(i % 2 == 0 ? -z : z));
      }
      return sum / static_cast<double>(projected.size()) + kL2 / 2 * w * w;
    };
    double w = 0, b = 0, best = loss(0, 0);
    for (double step = 2; step > 1e-9;) {
      bool better = false;
      for (const auto& [dw, db] : {std::pair(step, 0.0), std::pair(-step, 0.0),
                                   std::pair(0.0, step), std::pair(0.0, -step)}) {
        if (const double next = loss(w + dw, b + db); next < best) {
          w += dw;
          b += db;
          best = next;
          better = true;
        }
      }
      if (!better) step /= 2;
    }
    return best;
  };
  const double best = least(probe->direction);
  for (size_t i = 0; i < kWidth; ++i) {
    for (const double step : {-0.01, 0.01}) {
      std::vector<double> other = probe->direction;
      other[i] += step;
      EXPECT_GE(least(other), best - 1e-13) << i;
    }
  }
}

TEST(LinearProbeTest, AStrongPenaltyGivesTheDifferenceOfMeans) {
  const ActivationRows rows = Rows(40, 10, 1, 4);
  std::vector<double> signs(rows.count());
  for (size_t i = 0; i < signs.size(); ++i) signs[i] = i % 2 == 0 ? 1 : -1;
  std::vector<double> means = rows.TimesOnLeft(signs);
  Scale(1 / Norm(means), means);
  const auto cosine = [&](double l2) {
    return Dot(FitLinearProbe(rows, {.l2 = l2})->direction, means);
  };
  EXPECT_NEAR(cosine(1e5), 1, 1e-9);
  EXPECT_LT(cosine(1e-4), 0.999);
}

TEST(LinearProbeTest, EqualAnswersAreNotToldApart) {
  ActivationRows rows;
  for (const float x : {1, 1, 7, 7}) rows.Add(std::vector<float>{x, 2 * x, 3});
  rows.Centre();
  EXPECT_FALSE(FitLinearProbe(rows, {}).has_value());
  ActivationRows zeros;
  for (int i = 0; i < 4; ++i) zeros.Add(std::vector<float>{0, 0});
  EXPECT_FALSE(FitLinearProbe(zeros, {}).has_value());
}

}  // namespace
}  // namespace steer

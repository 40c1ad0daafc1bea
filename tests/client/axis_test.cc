#include "client/steerctl/axis.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

std::vector<std::string> Labels(const Axis& axis) {
  std::vector<std::string> labels;
  for (const Axis::Tick& tick : axis.ticks()) labels.push_back(tick.label);
  return labels;
}

TEST(AxisTest, TicksAreRoundAndAlike) {
  EXPECT_THAT(Labels(Axis({-2, 2}, {0, 400}, 80)), testing::ElementsAre("−2", "−1", "0", "1", "2"));
  EXPECT_THAT(Labels(Axis({0, 1}, {0, 300}, 100)), testing::ElementsAre("0.0", "0.5", "1.0"));
  EXPECT_THAT(Labels(Axis({-0.004, 0.004}, {0, 300}, 50)),
              testing::ElementsAre("−0.004", "−0.002", "0.000", "0.002", "0.004"));
}

TEST(AxisTest, TicksLieOnTheAxisForEveryScale) {
  for (const double scale : {1e-12, 1e-3, 1.0, 7.3, 1e6, 1e300}) {
    for (const double low : {-1.0, 0.0, 0.3, 0.99}) {
      const Axis axis({low * scale, scale}, {0, 500}, 50);
      ASSERT_GE(axis.ticks().size(), 2u) << scale;
      EXPECT_LE(axis.ticks().size(), 12u) << scale;
      double previous = 0;
      for (const Axis::Tick& tick : axis.ticks()) {
        // Off the axis it would lie on its end, on top of another or outside what is measured.
        EXPECT_GE(axis.Pixel(tick.value), previous) << tick.value;
        EXPECT_LE(axis.Pixel(tick.value), 500);
        previous = axis.Pixel(tick.value) + 20;
      }
    }
  }
}

TEST(AxisTest, MayRunUpwardsAndKeepsValuesInside) {
  const Axis axis({0, 10}, {200, 100}, 20);
  EXPECT_GT(axis.Pixel(0), axis.Pixel(10));
  EXPECT_EQ(axis.Pixel(-1e9), 200);
  EXPECT_EQ(axis.Pixel(1e9), 100);
  EXPECT_DOUBLE_EQ(axis.Pixel(5), 150);
}

TEST(AxisTest, OneValueOrNoneStillMakesAnAxis) {
  for (const std::vector<double>& values :
       {std::vector<double>{}, {3}, {0}, {-7, -7}, {NAN, INFINITY}, {5, 5 + 1e-14}}) {
    const Axis axis(values, {0, 100}, 50);
    EXPECT_GE(axis.ticks().size(), 1u);
    EXPECT_TRUE(std::isfinite(axis.Pixel(0)));
  }
  EXPECT_DOUBLE_EQ(Axis({3}, {0, 100}, 50).Pixel(3), 50);
}

TEST(NumberTextTest, HasATrueMinus) {
  EXPECT_EQ(NumberText(-1.2345), "−1.23");
  EXPECT_EQ(NumberText(-0.0), "0");
  EXPECT_EQ(NumberText(0.99871, 4), "0.9987");
}

TEST(FixedTextTest, HasSoManyDecimalsWhileItIsShort) {
  EXPECT_EQ(FixedText(-1.25, 3), "−1.250");
  EXPECT_EQ(FixedText(-0.001, 2), "0.00");
  EXPECT_EQ(FixedText(0, 0), "0");
  EXPECT_EQ(FixedText(-10, 0), "−10");
  EXPECT_EQ(FixedText(12345678, 2), "1.235e+07");
  EXPECT_EQ(FixedText(1e-9, 9), "1e−09");
}

}  // namespace
}  // namespace steer

#include "client/steerctl/colour_scale.h"

#include <cmath>
#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

// Relative luminance of "#rrggbb", as WCAG has it.
double Luminance(const std::string& colour) {
  double luminance = 0;
  const double weights[] = {0.2126, 0.7152, 0.0722};
  for (int i = 0; i < 3; ++i) {
    const double byte = std::strtol(colour.substr(1 + 2 * i, 2).c_str(), nullptr, 16) / 255.0;
    luminance +=
        weights[i] * (byte <= 0.04045 ? byte / 12.92 : std::pow((byte + 0.055) / 1.055, 2.4));
  }
  return luminance;
}

double Contrast(double one, double other) {
  return (std::max(one, other) + 0.05) / (std::min(one, other) + 0.05);
}

TEST(ColourScaleTest, GrowsLighterAllTheWayAndTextCanBeRead) {
  for (const ColourScale& scale : {ColourScale::Around(0, {-1, 1}), ColourScale::Over({-1, 1})}) {
    double before = -1;
    for (double value = -1; value <= 1; value += 1.0 / 64) {
      const double luminance = Luminance(scale.Colour(value));
      EXPECT_GT(luminance, before) << value;
      before = luminance;
      EXPECT_GE(Contrast(luminance, Luminance(scale.Ink(value))), 4) << value;
    }
  }
}

TEST(ColourScaleTest, TheCentreIsGreyAndBothSidesHaveEqualSteps) {
  const ColourScale scale = ColourScale::Around(0.5, {-1.5, 1});
  EXPECT_EQ(scale.range().low, -1.5);
  EXPECT_EQ(scale.range().high, 2.5);
  EXPECT_EQ(scale.Colour(0.5), "#878787");
  const std::string least = scale.Colour(-1.5);
  EXPECT_EQ(scale.Colour(-99), least);
  EXPECT_NE(scale.Colour(1), ColourScale::Around(0.5, {1}).Colour(1));
}

TEST(ColourScaleTest, CoversTheValues) {
  const ColourScale scale = ColourScale::Over({3, NAN, -1, INFINITY});
  EXPECT_EQ(scale.range().low, -1);
  EXPECT_EQ(scale.range().high, 3);
  EXPECT_EQ(scale.Colour(-1), "#45202f");
  EXPECT_EQ(scale.Colour(3), "#fff3d3");
}

TEST(ColourScaleTest, OneValueNoneOrHugeOnesStillMakeAScale) {
  for (const std::vector<double>& values :
       {std::vector<double>{}, {3}, {0, 0}, {NAN}, {-1e308, 1e308}, {1e-320}}) {
    for (const ColourScale& scale : {ColourScale::Around(0, values), ColourScale::Over(values)}) {
      EXPECT_LT(scale.range().low, scale.range().high);
      EXPECT_TRUE(std::isfinite(scale.range().low) && std::isfinite(scale.range().high));
      for (const double value : {-1e308, 0.0, 1e308}) EXPECT_EQ(scale.Colour(value).size(), 7u);
    }
  }
  const ColourScale far = ColourScale::Around(1e308, {-1e308});
  EXPECT_EQ(far.Colour(1e308).size(), 7u);
}

}  // namespace
}  // namespace steer

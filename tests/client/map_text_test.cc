#include "client/steerctl/map_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/drawn_svg.h"
#include "tests/client/planted_map.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

MapPlot SmallFamily() {
  MapPlot plot;
  for (const double strength : {0.5, 2.0}) {
    v1::Curve& curve = plot.curves.emplace_back();
    for (const double m : {-1.0, 0.0, 1.5}) {
      v1::CurvePoint& point = *curve.add_points();
      point.set_multiplier(m);
      point.set_preference(strength * m);
      if (m != 1.5) point.set_utility(-strength);
    }
  }
  plot.signals = {{"a", "layers.3.block_out"}, {"longer", ""}};
  return plot;
}

TEST(MapTextTest, RowsAgainstMultipliers) {
  const MapGrid grid = GridOf(SmallFamily());
  EXPECT_EQ(MapText(grid, Quantity::kPreference, v1::MEAN),
            "preference against the multiplier; log-odds of means per answer token\n"
            "signal  site                     -1        0      1.5\n"
            "a       layers.3.block_out  -0.5000  +0.0000  +0.7500\n"
            "longer                      -2.0000  +0.0000  +3.0000\n");
  EXPECT_EQ(MapText(grid, Quantity::kUtility, v1::SUM),
            "utility against the multiplier; log-odds of sums over the answers' tokens\n"
            "signal  site                     -1        0  1.5\n"
            "a       layers.3.block_out  -0.5000  -0.5000    -\n"
            "longer                      -2.0000  -2.0000    -\n");
}

TEST(MapTextTest, TheSecondSignalsMultipliersAreTheRows) {
  MapPlot plot = MakeTwo({0, 1}, {-10, 0});
  for (v1::CurvePoint& point : *plot.curves[0].mutable_points())
    point.set_preference(point.multiplier() + 0.25 * point.second_multiplier());
  EXPECT_EQ(MapText(GridOf(plot), Quantity::kPreference, v1::MEAN),
            "preference against the multiplier of polite; log-odds of means per answer token\n"
            "multiplier of brief        0        1\n"
            "                -10  -2.5000  -1.5000\n"
            "                  0  +0.0000  +1.0000\n");
}

TEST(MapTextTest, ManyColumnsAreBrokenIntoBlocks) {
  const std::string text =
      MapText(GridOf(MakeFamily(2, EvenMultipliers(-8, 8, 33))), Quantity::kPreference, v1::MEAN);
  EXPECT_EQ(Count(text, "signal "), 6) << text;
  EXPECT_EQ(Count(text, "polite-1 "), 6);
  EXPECT_THAT(text, HasSubstr(" -8 "));
  EXPECT_THAT(text, HasSubstr(" 8\n"));
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 100u) << text.substr(begin, end - begin);
    begin = end + 1;
  }
  // A name that fills the line still has some numbers beside it.
  MapPlot wide = MakeFamily(1, EvenMultipliers(0, 4, 5));
  wide.signals[0].name = std::string(200, 'n');
  EXPECT_EQ(Count(MapText(GridOf(wide), Quantity::kUtility, v1::MEAN), "signal"), 2);
}

TEST(MapTextTest, RowsWithTheirOwnMultipliersShowThoseOfAll) {
  MapPlot plot = SmallFamily();
  v1::CurvePoint& extra = *plot.curves[0].add_points();
  extra.set_multiplier(0.75);
  const std::string text = MapText(GridOf(plot), Quantity::kPreference, v1::MEAN);
  EXPECT_EQ(Count(text, "0.75"), 1) << "the value, not the multiplier";
  EXPECT_THAT(text, HasSubstr("that every row was measured at"));
}

}  // namespace
}  // namespace steer

#include "client/steerctl/map_svg.h"

#include <limits>

#include "client/steerctl/map_layout.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/drawn_svg.h"
#include "tests/client/planted_map.h"

namespace steer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MapSvgTest, FamilyWithItsValues) {
  const std::string svg = Drawn(MapSvg(MakeFamily(12, EvenMultipliers(-4, 4, 9))));
  EXPECT_THAT(svg, AllOf(HasSubstr(">Map of 12 signals<"), HasSubstr("12 curves · model ffff"),
                         HasSubstr(">polite-11 · layers.11.block_out<"), HasSubstr(">signal<")));
  EXPECT_EQ(Count(svg, ">multiplier<"), 2);
  EXPECT_EQ(Count(svg, "text-anchor=\"middle\" fill=\"#"), 2 * 12 * 9) << "a value in every cell";
  EXPECT_THAT(svg, HasSubstr("grey is what the plain model has, 0.15<"));
  EXPECT_EQ(Count(svg, "fill=\"#878787\""), 12) << "the plain model's cells";
  EXPECT_THAT(svg, HasSubstr("30 pairs, 28 with utility at every m"));
  EXPECT_THAT(svg, Not(HasSubstr("undefined")));
}

TEST(MapSvgTest, TwoTogether) {
  const std::string svg =
      Drawn(MapSvg(MakeTwo(EvenMultipliers(-3, 3, 13), EvenMultipliers(-2, 2, 9))));
  EXPECT_THAT(svg, AllOf(HasSubstr(">Map of polite and brief<"), HasSubstr(">multiplier of brief<"),
                         HasSubstr(">multiplier of polite<"), HasSubstr("curve cccccccccccc"),
                         HasSubstr("polite on generated tokens, brief on all tokens")));
  EXPECT_EQ(Count(svg, "font-weight=\"bold\">0<"), 4) << "0 of both signals, in both panels";
}

TEST(MapSvgTest, AdaptiveFamilyHasAnAxis) {
  MapPlot plot = MakeFamily(5, EvenMultipliers(-8, 8, 9));
  for (int i = 0; i < 5; ++i) {
    std::vector<double> own = EvenMultipliers(-8, 8, 9);
    for (int k = 0; k < 6; ++k) own.push_back(0.3 * i - 1.7 + 0.55 * k);
    std::sort(own.begin(), own.end());
    plot.curves[i] = MakeCurveAt(own, 0.4 + 0.2 * i);
  }
  const std::string svg = Drawn(MapSvg(plot));
  EXPECT_THAT(svg, HasSubstr("stroke-dasharray")) << "0 is a line";
  EXPECT_EQ(Count(svg, "text-anchor=\"middle\" fill=\"#"), 0) << "cells have no room for values";
}

TEST(MapSvgTest, SaysWhereUtilityIsUndefined) {
  MapPlot plot = MakeFamily(4, EvenMultipliers(-2, 2, 5));
  plot.curves[2].set_utility_pairs(0);
  for (v1::CurvePoint& point : *plot.curves[2].mutable_points()) point.clear_utility();
  const std::string svg = Drawn(MapSvg(plot));
  EXPECT_THAT(svg, HasSubstr("undefined: no pair has a utility at every multiplier"));
  EXPECT_THAT(svg, HasSubstr("0 to 28 with utility"));
  EXPECT_EQ(Count(svg, "text-anchor=\"middle\" fill=\"#"), 20 + 15);
  EXPECT_GT(Count(svg, "stroke=\"#777777\""), 50);
}

TEST(MapSvgTest, UtilityUndefinedEverywhere) {
  MapPlot plot = MakeTwo({-1, 0, 1}, {0, 1});
  for (v1::CurvePoint& point : *plot.curves[0].mutable_points()) point.clear_utility();
  const std::string svg = Drawn(MapSvg(plot));
  EXPECT_THAT(svg, HasSubstr(">undefined everywhere<"));
  EXPECT_EQ(Count(svg, "#45202f"), 0) << "no colour bar of utility";
}

TEST(MapSvgTest, WithoutZeroGreyIsNoPreference) {
  const std::string svg = Drawn(MapSvg(MakeFamily(2, {1, 2, 3})));
  EXPECT_THAT(svg, HasSubstr("grey is 0, where neither answer is preferred"));
  EXPECT_THAT(svg, Not(HasSubstr("the plain model")));
}

TEST(MapSvgTest, SumsSayNats) {
  MapPlot plot = MakeFamily(3, EvenMultipliers(-2, 2, 5));
  plot.mode = v1::SUM;
  EXPECT_THAT(Drawn(MapSvg(plot)), AllOf(HasSubstr(">preference (nats)<"), HasSubstr("sums over")));
}

TEST(MapSvgTest, TheLargestMap) {
  const std::string svg = MapSvg(MakeFamily(64, EvenMultipliers(-50, 50, 999)));
  EXPECT_EQ(Count(svg, "· layers."), 2 * 64) << "every signal has its name";
  EXPECT_LT(svg.size(), size_t{16} << 20);
  EXPECT_EQ(Count(svg, "font-weight=\"bold\">0<"), 2);
}

TEST(MapSvgTest, ManyMultipliersOfTheSecond) {
  Drawn(MapSvg(MakeTwo({0, 1}, EvenMultipliers(-5, 5, 499))));
}

TEST(MapSvgTest, ForeignTextStaysText) {
  MapPlot plot = MakeFamily(2, {0, 1});
  plot.signals[0] = {"</text><script>x</script>" + std::string(300, 'n'), "\"'><script>&"};
  plot.curves[1].set_model_fingerprint("<script>");
  plot.curves[0].set_model_fingerprint("<script>");
  EXPECT_THAT(Drawn(MapSvg(plot)), AllOf(Not(HasSubstr("<script")), HasSubstr("&lt;script&gt;")));
}

TEST(MapSvgTest, ExtremeMapsStayOnThePage) {
  MapPlot plot = MakeFamily(3, {-1e6, 0, 1e-9});
  plot.curves[0].mutable_points(0)->set_preference(-1e308);
  plot.curves[1].mutable_points(2)->set_preference(1e308);
  plot.curves[2].mutable_points(1)->set_utility(std::numeric_limits<double>::infinity());
  plot.curves[2].mutable_points(2)->set_multiplier(std::numeric_limits<double>::quiet_NaN());
  Drawn(MapSvg(plot));
}

TEST(MapSvgTest, EmptyMap) {
  MapPlot plot;
  plot.curves.resize(2);
  plot.signals = {{"a", ""}, {"b", ""}};
  EXPECT_THAT(Drawn(MapSvg(plot)), HasSubstr("undefined everywhere"));
  EXPECT_THAT(MapSvg({}), HasSubstr("</svg>"));
}

TEST(MapLayoutTest, AFamilyReadsDownwardsAndMultipliersUpwards) {
  const MapGrid family = GridOf(MakeFamily(2, {0, 1}));
  EXPECT_LT(MapLayout(family).Row(0).low, MapLayout(family).Row(1).low);
  const MapGrid two = GridOf(MakeTwo({0, 1}, {0, 1}));
  EXPECT_GT(MapLayout(two).Row(0).low, MapLayout(two).Row(1).low);
  EXPECT_EQ(MapLayout(two).ZeroRow()->low, MapLayout(two).Row(0).low);
  EXPECT_FALSE(MapLayout(family).ZeroRow().has_value());
}

TEST(MapLayoutTest, CellsOfAnAxisMeetHalfWay) {
  MapPlot plot = MakeFamily(1, {-2, 0, 2});
  plot.curves.push_back(MakeCurveAt({-2, 0, 1, 2}, 1));
  const MapGrid grid = GridOf(plot);
  const MapLayout layout(grid);
  const std::vector<double> edges = layout.Edges(1);
  ASSERT_EQ(edges.size(), 5u);
  EXPECT_TRUE(std::is_sorted(edges.begin(), edges.end()));
  // -1, 0.5 and 1.5 are where the inner ones meet.
  EXPECT_NEAR((edges[2] - edges[1]) / (edges[3] - edges[2]), 1.5, 1e-9);
  EXPECT_GE(edges.front(), layout.x().low);
  EXPECT_LE(edges.back(), layout.x().high);
  EXPECT_FALSE(layout.ZeroColumn().has_value());
}

TEST(MapLayoutTest, LabelsAreThinnedOutAndKeepZero) {
  const MapGrid grid = GridOf(MakeFamily(64, EvenMultipliers(-50, 50, 501)));
  const std::vector<MapLayout::Label> labels = MapLayout(grid).ColumnLabels();
  EXPECT_GT(labels.size(), 10u);
  EXPECT_LT(labels.size(), 60u);
  EXPECT_EQ(std::count_if(labels.begin(), labels.end(),
                          [](const MapLayout::Label& label) { return label.zero; }),
            1);
  for (size_t i = 1; i < labels.size(); ++i) EXPECT_GT(labels[i].at - labels[i - 1].at, 30);
  EXPECT_EQ(MapLayout(grid).RowLabels().size(), 64u);
}

}  // namespace
}  // namespace steer

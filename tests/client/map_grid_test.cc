#include "client/steerctl/map_grid.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/planted_map.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MapGridTest, AFamilyHasARowForEachInItsOrder) {
  const MapGrid grid = GridOf(MakeFamily(3, {-2, 0, 1}));
  EXPECT_EQ(grid.row_title, "signal");
  EXPECT_EQ(grid.column_title, "multiplier");
  ASSERT_EQ(grid.rows.size(), 3u);
  EXPECT_EQ(grid.rows[2].label.name, "polite-2");
  EXPECT_EQ(LabelText(grid.rows[2].label), "polite-2 · layers.2.block_out");
  EXPECT_FALSE(grid.rows[2].second.has_value());
  ASSERT_TRUE(grid.columns.has_value());
  EXPECT_THAT(*grid.columns, ElementsAre(-2, 0, 1));
  EXPECT_DOUBLE_EQ(grid.plain.preference.value(), PlantedPreference(0));
  EXPECT_DOUBLE_EQ(grid.plain.utility.value(), PlantedUtility(0));
}

TEST(MapGridTest, TwoSignalsHaveARowForEachMultiplierOfTheSecond) {
  const MapGrid grid = GridOf(MakeTwo({-1, 0, 2}, {0, -3}));
  EXPECT_EQ(grid.row_title, "multiplier of brief");
  EXPECT_EQ(grid.column_title, "multiplier of polite");
  ASSERT_EQ(grid.rows.size(), 2u);
  EXPECT_EQ(grid.rows[0].second, -3);
  EXPECT_EQ(grid.rows[1].second, 0);
  EXPECT_EQ(grid.rows[0].label.name, "−3");
  EXPECT_THAT(*grid.columns, ElementsAre(-1, 0, 2));
  EXPECT_DOUBLE_EQ(grid.rows[0].cells[2].preference.value(), PlantedPreference(2 + 0.6 * -3));
  // Not the row of -3, whose multipliers have a 0 as well.
  EXPECT_DOUBLE_EQ(grid.plain.preference.value(), PlantedPreference(0));
}

TEST(MapGridTest, AdaptiveRowsHaveTheirOwnMultipliers) {
  MapPlot plot = MakeFamily(1, {-2, 0, 2});
  plot.curves.push_back(MakeCurveAt({-2, -1, 0, 2}, 1));
  plot.curves.push_back(MakeCurveAt({-2, 0, 1, 2}, 2));
  const MapGrid grid = GridOf(plot);
  EXPECT_FALSE(grid.columns.has_value());
  EXPECT_THAT(grid.CommonMultipliers(), ElementsAre(-2, 0, 2));
  EXPECT_EQ(grid.rows[1].label.name, "") << "a signal that nobody named";
}

TEST(MapGridTest, WithoutZeroThereIsNoPlainModel) {
  const MapGrid grid = GridOf(MakeFamily(2, {1, 2}));
  EXPECT_FALSE(grid.plain.preference.has_value());
  EXPECT_FALSE(grid.plain.utility.has_value());
}

TEST(MapGridTest, LeavesOutWhatIsNoNumber) {
  const double infinite = std::numeric_limits<double>::infinity();
  MapPlot plot = MakeTwo({0, 1}, {0, 1});
  plot.curves[0].mutable_points(0)->set_preference(infinite);
  plot.curves[0].mutable_points(1)->clear_utility();
  plot.curves[0].mutable_points(2)->set_second_multiplier(infinite);
  plot.curves[0].mutable_points(3)->set_multiplier(-infinite);
  const MapGrid grid = GridOf(plot);
  ASSERT_EQ(grid.rows.size(), 2u);
  EXPECT_EQ(grid.rows[0].cells.size() + grid.rows[1].cells.size(), 2u);
  EXPECT_FALSE(grid.rows[0].cells[0].preference.has_value());
  EXPECT_FALSE(grid.rows[1].cells[0].utility.has_value());
}

TEST(MapGridTest, SumsAreOtherNumbers) {
  MapPlot plot = MakeFamily(2, {0, 1});
  plot.mode = v1::SUM;
  plot.curves[1].mutable_points(1)->clear_sum_utility();
  const MapGrid grid = GridOf(plot);
  EXPECT_DOUBLE_EQ(grid.plain.preference.value(), 12 * PlantedPreference(0));
  EXPECT_FALSE(grid.rows[1].cells[1].utility.has_value());
}

TEST(MapGridTest, NothingMeasured) {
  MapPlot plot;
  plot.curves.resize(2);
  const MapGrid grid = GridOf(plot);
  EXPECT_EQ(grid.rows.size(), 2u);
  EXPECT_THAT(*grid.columns, IsEmpty());
  EXPECT_TRUE(GridOf({}).rows.empty());
}

}  // namespace
}  // namespace steer

#include "client/steerctl/table.h"

#include "gtest/gtest.h"

namespace steer {
namespace {

TEST(TableTest, AlignsColumnsWithoutTrailingSpaces) {
  Table table({{"NAME"}, {"SIZE", Table::Align::kRight}, {"NOTE"}});
  table.Add({"größer", "1", "x"});
  table.Add({"b", "12345"});
  table.Add({"c", "2", "y", "dropped"});
  EXPECT_EQ(table.ToString(),
            "NAME     SIZE  NOTE\n"
            "größer      1  x\n"
            "b       12345\n"
            "c           2  y\n");
}

TEST(TableTest, GrowsLineByLine) {
  const Table table({{"m", Table::Align::kRight, 4}, {"preference", Table::Align::kRight}});
  EXPECT_EQ(table.Heading(), "   m  preference\n");
  EXPECT_EQ(table.Row({"-2", "+0.5"}), "  -2        +0.5\n");
  EXPECT_EQ(table.Row({"123456", "+0.5"}), "123456        +0.5\n");
}

TEST(ListingTest, AlignsValuesAndLeavesOutEmptyOnes) {
  EXPECT_EQ(Listing({{"id", "7"}, {"nothing", ""}, {"longer", "x"}}), "id:       7\nlonger:   x\n");
}

TEST(TextTest, BytesAndTimes) {
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1536), "1.5 KiB");
  EXPECT_EQ(BytesText(int64_t{5} << 40), "5.0 TiB");
  EXPECT_EQ(BytesText(int64_t{5} << 50), "5120.0 TiB");
  EXPECT_EQ(TimeText(0), "");
  EXPECT_EQ(TimeText(1'000'000'000'000), "2001-09-09 01:46:40");
}

}  // namespace
}  // namespace steer

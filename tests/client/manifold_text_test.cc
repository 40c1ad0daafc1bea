#include "client/steerctl/manifold_text.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

v1::ManifoldPoint Point(const std::string& text) {
  v1::ManifoldPoint point;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &point));
  return point;
}

const char* const kPoint = R"(
  multiplier: -2 norm_ratio { mean: 1.25 low: 1 median: 1.2 high: 1.5 }
  distance { mean: 12.5 low: 10 median: 12 high: 15 } distance_ratio: 2.5 change: 8)";

TEST(ManifoldTextTest, ARowHasDOnlyWithACurve) {
  v1::ManifoldPoint point = Point(kPoint);
  EXPECT_THAT(ManifoldRow(point, false),
              ElementsAre("-2", "1.250", "1.000 .. 1.500", "12.5", "2.500", "-"));
  point.set_change_inside(0.125);
  point.set_utility_validity(0.5);
  EXPECT_THAT(ManifoldRow(point, true),
              ElementsAre("-2", "1.250", "1.000 .. 1.500", "12.5", "2.500", "0.125", "-", "0.500"));
  const std::string heading = ManifoldTable(true).Heading();
  EXPECT_NE(heading.find("D preference"), std::string::npos);
  EXPECT_EQ(ManifoldTable(false).Heading().find("D preference"), std::string::npos);
}

TEST(ManifoldTextTest, CsvHasEveryNumberInItsPlace) {
  v1::ManifoldPoint point = Point(kPoint);
  EXPECT_EQ(ManifoldCsvHeader(),
            "multiplier,norm_ratio,norm_ratio_low,norm_ratio_median,norm_ratio_high,distance,"
            "distance_low,distance_median,distance_high,distance_ratio,change,change_inside,"
            "preference_validity,utility_validity\n");
  EXPECT_EQ(ManifoldCsvLine(point), "-2,1.25,1,1.2,1.5,12.5,10,12,15,2.5,8,,,\n");
  point.set_change_inside(0.125);
  point.set_preference_validity(0.75);
  EXPECT_EQ(ManifoldCsvLine(point), "-2,1.25,1,1.2,1.5,12.5,10,12,15,2.5,8,0.125,0.75,\n");
}

TEST(ManifoldTextTest, TellsWhatTheDistancesAreFrom) {
  v1::ManifoldSummary summary;
  summary.set_site("layers.15.block_out");
  summary.set_width(576);
  summary.set_questions(30);
  summary.set_tokens(900);
  summary.set_components(80);
  summary.set_explained_share(0.9012);
  summary.set_plain_norm(50);
  summary.set_plain_distance(10);
  EXPECT_EQ(ManifoldText(summary),
            "layers.15.block_out: 900 tokens of 30 questions; 80 of 576 components explain 90.1 % "
            "of the plain variance\nplain activations: mean norm 50, mean distance 10");
  summary.set_utility_missing("too few points");
  EXPECT_NE(ManifoldText(summary).find("\nno D of the utility: too few points"), std::string::npos);
}

}  // namespace
}  // namespace steer

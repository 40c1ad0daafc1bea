#include "client/steerctl/curve_svg.h"

#include <limits>

#include "client/steerctl/svg.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/drawn_svg.h"
#include "tests/client/planted_curve.h"

namespace steer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Drawn(const CurvePlot& plot) { return steer::Drawn(CurveSvg(plot)); }

TEST(CurveSvgTest, ShowsEverythingThatIsKnown) {
  const std::string svg = Drawn({MakeCurve(), v1::MEAN, "polite", MakeFit(), MakeRecommendation()});
  EXPECT_THAT(svg, HasSubstr("Dose curve of polite"));
  EXPECT_THAT(svg, HasSubstr("30 pairs, 28 with utility at every m"));
  EXPECT_THAT(svg, HasSubstr("model ffffffffffff"));
  EXPECT_THAT(svg, HasSubstr(">utility (nats per token)<"));
  EXPECT_THAT(svg, HasSubstr(">recommended m = 1.37<"));
  EXPECT_THAT(svg, HasSubstr("R² = 0.9987"));
  // Two panels of 25 points and one of each in the legend.
  EXPECT_EQ(Count(svg, "<circle"), 52);
  EXPECT_EQ(Count(svg, "<polyline"), 2);
  EXPECT_EQ(Count(svg, ">m½ = "), 4);
  // The two linear phases meet at 0 and are one.
  EXPECT_EQ(Count(svg, ">transitional<"), 2);
  EXPECT_EQ(Count(svg, ">convergence<"), 1);
}

TEST(CurveSvgTest, MeasuredPointsAlone) {
  const std::string svg = Drawn({MakeCurve(), v1::MEAN, "", std::nullopt, std::nullopt});
  EXPECT_THAT(svg, HasSubstr("Dose curve of signal 0123456789ab<"));
  EXPECT_EQ(Count(svg, "<circle"), 52);
  EXPECT_EQ(Count(svg, "<polyline") + Count(svg, "<polygon"), 0);
  EXPECT_THAT(svg, Not(HasSubstr("fitted law")));
  EXPECT_THAT(svg, Not(HasSubstr("phase")));
}

TEST(CurveSvgTest, SumsHaveNoIntervals) {
  const PlantedCurve planted{.bands = false};
  const std::string svg =
      Drawn({MakeCurve(planted), v1::SUM, "polite", std::nullopt, std::nullopt});
  EXPECT_THAT(svg, HasSubstr(">utility (nats)<"));
  EXPECT_THAT(svg, HasSubstr("sums over the answers&apos; tokens"));
  EXPECT_THAT(svg, HasSubstr(">measured mean<"));
  EXPECT_THAT(svg, Not(HasSubstr("95 %")));
}

TEST(CurveSvgTest, SaysWhyThereIsNoLaw) {
  const v1::Curve curve = MakeCurve({.points = 5});
  const std::string svg = Drawn({curve, v1::MEAN, "polite", MakeUnfitted(curve), std::nullopt});
  EXPECT_THAT(svg, HasSubstr("no law fitted: too few points: 5 multipliers; 9 are the least"));
  EXPECT_THAT(svg, HasSubstr("no law fitted: flat: the means lie within 1e-9 nats"));
  EXPECT_EQ(Count(svg, "<polyline"), 0);
}

TEST(CurveSvgTest, SaysThatUtilityIsUndefined) {
  v1::Curve curve = MakeCurve();
  curve.set_utility_pairs(0);
  for (v1::CurvePoint& point : *curve.mutable_points()) {
    point.clear_utility();
    point.clear_utility_interval();
  }
  const std::string svg = Drawn({curve, v1::MEAN, "polite", std::nullopt, std::nullopt});
  EXPECT_THAT(svg, HasSubstr("utility is defined at every m for 0 of 30 pairs"));
  EXPECT_EQ(Count(svg, "<circle"), 25 + 2);
}

TEST(CurveSvgTest, OneSideAndABoundForHalfValidity) {
  const PlantedCurve planted{.low = 0, .high = 2, .points = 9};
  v1::FitCurveResponse fit = MakeFit(planted);
  for (v1::LawFit* law : {fit.mutable_preference(), fit.mutable_utility()}) {
    law->clear_negative();
    law->clear_half_negative();
    law->mutable_half_positive()->Clear();
    law->mutable_half_positive()->set_multiplier(2);
    law->mutable_half_positive()->set_beyond_range(true);
  }
  fit.clear_phases();
  fit.set_phases_missing("alpha m changes the curve by less than a thousandth of its range");
  const std::string svg = Drawn({MakeCurve(planted), v1::MEAN, "polite", fit, std::nullopt});
  EXPECT_THAT(svg, HasSubstr("half validity beyond 2, not measured"));
  EXPECT_THAT(svg, HasSubstr("no phases: alpha m changes"));
  EXPECT_EQ(Count(svg, ">m½ = "), 0);
}

TEST(CurveSvgTest, AGoalThatIsNotMet) {
  v1::RecommendMultiplierResponse told = MakeRecommendation();
  told.set_feasible(false);
  told.set_multiplier(7.9);
  EXPECT_THAT(Drawn({MakeCurve(), v1::MEAN, "polite", MakeFit(), told}),
              HasSubstr("goal not met; nearest m = 7.9"));
}

TEST(CurveSvgTest, TextsFromElsewhereStayText) {
  v1::Curve curve = MakeCurve();
  curve.set_signal_id("\"'><script>&");
  curve.set_model_fingerprint("\xFF\xED\xA0\x80\xEF\xBF\xBF\x01");
  const std::string svg =
      Drawn({curve, v1::MEAN, "</text><script>x</script>" + std::string(300, 'n'), std::nullopt,
             std::nullopt});
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;"));
}

TEST(CurveSvgTest, NumbersThatAreNoneAreNotDrawn) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  v1::Curve curve = MakeCurve();
  curve.mutable_points(0)->set_preference(nan);
  curve.mutable_points(1)->set_multiplier(infinite);
  curve.mutable_points(2)->mutable_utility_interval()->set_high(infinite);
  v1::FitCurveResponse fit = MakeFit();
  fit.mutable_fitted(40)->set_utility(nan);
  fit.mutable_fitted(50)->mutable_preference_band()->set_low(-infinite);
  fit.mutable_utility()->mutable_half_negative()->set_multiplier(nan);
  fit.mutable_utility()->mutable_half_positive()->set_farthest(infinite);
  fit.mutable_phases(0)->set_low(-infinite);
  v1::RecommendMultiplierResponse told = MakeRecommendation();
  told.set_multiplier(nan);
  const std::string svg = Drawn({curve, v1::MEAN, "polite", fit, told});
  EXPECT_EQ(Count(svg, "<circle"), 23 + 24 + 2);
  EXPECT_EQ(Count(svg, "<polyline"), 3) << "the law of utility is cut in two";
  EXPECT_THAT(svg, Not(HasSubstr("recommended")));
}

TEST(CurveSvgTest, ExtremeNumbersStayOnThePage) {
  v1::Curve curve = MakeCurve({.low = -1e6, .high = 1e6, .points = 3});
  curve.mutable_points(0)->set_preference(-1e308);
  curve.mutable_points(2)->set_preference(1e308);
  for (v1::CurvePoint& point : *curve.mutable_points()) point.set_utility(1e-12);
  Drawn({curve, v1::MEAN, "polite", std::nullopt, std::nullopt});
}

TEST(CurveSvgTest, NothingMeasured) {
  EXPECT_THAT(Drawn({v1::Curve(), v1::MEAN, "", std::nullopt, std::nullopt}),
              HasSubstr("no point was measured"));
}

TEST(XmlTextTest, WritesMarksAsEntities) {
  EXPECT_EQ(XmlText("a<b>&\"c\"'\n\t"), "a&lt;b&gt;&amp;&quot;c&quot;&apos;  ");
  EXPECT_EQ(XmlText("größer ½"), "größer ½");
  EXPECT_EQ(XmlText("\x1B[0m"), "\\x1b[0m");
  EXPECT_EQ(XmlText("\xED\xA0\x80|\xEF\xBF\xBE|\xE0\x80\x80|\xF4\x90\x80\x80"),
            "\xEF\xBF\xBD|\xEF\xBF\xBD|\xEF\xBF\xBD|\xEF\xBF\xBD");
}

TEST(ShortenedTest, CutsWholeCharacters) {
  EXPECT_EQ(Shortened("short", 100, 10), "short");
  const std::string text = Shortened("ßßßßßßßßßßßß", 50, 10);
  EXPECT_LE(TextWidth(text, 10), 50);
  EXPECT_EQ(text.substr(0, 2), "ß");
  EXPECT_EQ(text.substr(text.size() - 3), "…");
  EXPECT_EQ(text.size() % 2, 1u) << "two bytes a letter, three the dots";
}

}  // namespace
}  // namespace steer

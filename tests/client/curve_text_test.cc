#include "client/steerctl/curve_text.h"

#include "client/steerctl/csv.h"
#include "client/steerctl/curve_csv.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/planted_curve.h"

namespace steer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::Curve TwoPoints() {
  v1::Curve curve;
  curve.set_pairs(30);
  v1::CurvePoint& first = *curve.add_points();
  first.set_multiplier(-0.5);
  first.set_preference(-1.25);
  SetInterval(*first.mutable_preference_interval(), -1.25, 0.25);
  first.set_sum_preference(-15);
  v1::CurvePoint& second = *curve.add_points();
  second.set_multiplier(2);
  second.set_preference(0.1);
  second.set_utility(-0.75);
  SetInterval(*second.mutable_utility_interval(), -0.75, 0.5);
  second.set_sum_preference(1.5);
  second.set_sum_utility(-9);
  return curve;
}

TEST(CurveTableTest, MeansWithIntervals) {
  EXPECT_EQ(CurveTable(TwoPoints(), v1::MEAN, {{-0.5, 0}, {2, 28}}).ToString(),
            "multiplier  preference       95 % interval  utility       95 % interval  valid\n"
            "      -0.5     -1.2500  -1.5000 .. -1.0000        -                   -   0/30\n"
            "         2     +0.1000                   -  -0.7500  -1.2500 .. -0.2500  28/30\n");
}

TEST(CurveTableTest, Sums) {
  EXPECT_EQ(CurveTable(TwoPoints(), v1::SUM, {}).ToString(),
            "multiplier  preference  95 % interval  utility  95 % interval\n"
            "      -0.5    -15.0000              -        -              -\n"
            "         2     +1.5000              -  -9.0000              -\n");
}

v1::Curve OfTwo() {
  v1::Curve curve = TwoPoints();
  curve.mutable_points(1)->set_second_multiplier(-3);
  curve.mutable_second()->set_signal_id(std::string(64, 'b'));
  curve.mutable_second()->mutable_positions()->set_generated(false);
  return curve;
}

TEST(CurveTableTest, TwoSignalsHaveBothMultipliers) {
  EXPECT_EQ(CurveTable(OfTwo(), v1::SUM, {}).ToString(),
            "multiplier  second  preference  95 % interval  utility  95 % interval\n"
            "      -0.5       0    -15.0000              -        -              -\n"
            "         2      -3     +1.5000              -  -9.0000              -\n");
}

TEST(CurveListTest, ShowsBothSignals) {
  v1::Curve one = MakeCurve();
  v1::Curve two = OfTwo();
  two.set_signal_id(std::string(64, 'a'));
  two.set_id("x");
  EXPECT_EQ(CurveList({one, two}).ToString(),
            "SIGNAL                       PAIRS  POSITIONS         CREATED (UTC)        CURVE\n"
            "0123456789ab                    30  generated tokens  2023-11-14 22:13:20  " +
                std::string(64, 'c') +
                "\n"
                "aaaaaaaaaaaa + bbbbbbbbbbbb     30  all tokens                             x\n");
}

TEST(CurveCsvTest, TwoSignalsHaveBothMultipliers) {
  EXPECT_EQ(CurveCsv(OfTwo()),
            "multiplier,second_multiplier,preference,preference_low,preference_high,utility,"
            "utility_low,utility_high,sum_preference,sum_utility\n"
            "-0.5,0,-1.25,-1.5,-1,,,,-15,\n"
            "2,-3,0.1,,,-0.75,-1.25,-0.25,1.5,-9\n");
}

TEST(CurveCsvTest, AFamilyHasItsSignalsFirst) {
  EXPECT_EQ(FamilyCsvHeader(),
            "signal,multiplier,preference,preference_low,preference_high,utility,utility_low,"
            "utility_high,sum_preference,sum_utility\n");
  EXPECT_EQ(FamilyCsvLines("a/b", TwoPoints()),
            "a/b,-0.5,-1.25,-1.5,-1,,,,-15,\n"
            "a/b,2,0.1,,,-0.75,-1.25,-0.25,1.5,-9\n");
}

TEST(CurveCsvTest, LeavesUndefinedFieldsEmpty) {
  EXPECT_EQ(CurveCsv(TwoPoints()),
            "multiplier,preference,preference_low,preference_high,utility,utility_low,utility_high,"
            "sum_preference,sum_utility\n"
            "-0.5,-1.25,-1.5,-1,,,,-15,\n"
            "2,0.1,,,-0.75,-1.25,-0.25,1.5,-9\n");
}

TEST(CurveCsvTest, FittedLawsAndBands) {
  v1::FitCurveResponse fit;
  v1::FittedPoint& point = *fit.add_fitted();
  point.set_multiplier(1);
  point.set_preference(0.25);
  SetInterval(*point.mutable_preference_band(), 0.25, 0.125);
  fit.add_fitted()->set_utility(2);
  EXPECT_EQ(
      FittedCsv(fit),
      "multiplier,preference,preference_low,preference_high,utility,utility_low,utility_high\n"
      "1,0.25,0.125,0.375,,,\n"
      "0,,,,2,,\n");
}

TEST(CurveCsvTest, ScoresHaveMeansAndSums) {
  v1::ScorePoint point;
  point.set_multiplier(-2);
  point.mutable_mean()->set_preference(0.5);
  point.mutable_mean()->set_preference_positive_rate(0.75);
  point.mutable_sum()->set_preference(6);
  point.mutable_sum()->set_utility(-1.5);
  point.mutable_sum()->set_utility_valid(3);
  EXPECT_EQ(ScoreCsvHeader(),
            "multiplier,preference,utility,utility_valid,preference_positive_rate,sum_preference,"
            "sum_utility,sum_utility_valid,sum_preference_positive_rate,pairs\n");
  EXPECT_EQ(ScoreCsvLine(point, 4), "-2,0.5,,0,0.75,6,-1.5,3,0,4\n");
}

TEST(CsvFieldTest, ReadsBackAsTheSameNumberInPlainDigits) {
  EXPECT_EQ(CsvField(1e6), "1000000");
  EXPECT_EQ(CsvField(-0.0001), "-0.0001");
  EXPECT_EQ(CsvField(0), "0");
  EXPECT_EQ(CsvField(NAN), "");
  EXPECT_EQ(CsvField(-INFINITY), "");
  for (const double value : {0.1, 1.0 / 3, -2e-5, 123456.789, 1e300, 5e-324, 2e14 / 3}) {
    EXPECT_EQ(std::strtod(CsvField(value).c_str(), nullptr), value) << CsvField(value);
  }
}

TEST(VerdictTextTest, SaysWhyInWords) {
  v1::LawFit law;
  law.set_verdict(v1::FITTED);
  EXPECT_EQ(VerdictText(law), "fitted");
  law.set_reason("5 multipliers");
  law.set_verdict(v1::TOO_FEW_POINTS);
  EXPECT_EQ(VerdictText(law), "too few points: 5 multipliers");
  law.set_verdict(v1::FLAT);
  EXPECT_EQ(VerdictText(law), "flat: 5 multipliers");
  law.clear_reason();
  law.set_verdict(v1::NOT_CONVERGED);
  EXPECT_EQ(VerdictText(law), "the search did not converge");
  law.set_verdict(v1::FIT_VERDICT_UNSPECIFIED);
  EXPECT_EQ(VerdictText(law), "not fitted");
}

TEST(FitTextTest, TellsLawsHalfValidityAndPhases) {
  v1::FitCurveResponse fit = MakeFit();
  fit.mutable_utility()->mutable_positive()->set_peak(-0.3);
  fit.mutable_utility()->mutable_half_positive()->Clear();
  fit.mutable_utility()->mutable_half_positive()->set_multiplier(8);
  fit.mutable_utility()->mutable_half_positive()->set_beyond_range(true);
  fit.mutable_utility()->set_failed_resamples(3);
  EXPECT_EQ(FitText(fit, v1::MEAN),
            "preference: fitted to 30 pairs, R² 0.9987\n"
            "  (0.9 m + 0.4) D(m) - 0.25\n"
            "  D(m < 0) = (1 + (m - 0)^2 / 7)^-1.6\n"
            "  D(m > 0) = (1 + (m - 0)^2 / 9)^-1.3\n"
            "  half validity, m < 0: at -1.948 (95 % interval -1.812 .. -2.124)\n"
            "  half validity, m > 0: at 2.518 (95 % interval 2.342 .. 2.744)\n"
            "  intervals from 200 resamples over pairs\n"
            "utility: fitted to 28 pairs (2 more are undefined at some multiplier), R² 0.9987\n"
            "  2.1 D(m) - 1.4\n"
            "  D(m < 0) = (1 + (m - 0)^2 / 7)^-1.6\n"
            "  D(m > 0) = (1 + (m + 0.3)^2 / 9)^-1.3\n"
            "  half validity, m < 0: at -1.948 (95 % interval -1.812 .. -2.124)\n"
            "  half validity, m > 0: beyond 8, the last measured\n"
            "  intervals from 200 resamples over pairs, without 3 that did not converge\n"
            "phases of the preference:\n"
            "  from    to  phase\n"
            "    -8    -6  convergence\n"
            "    -6  -0.7  transitional\n"
            "  -0.7     0  linear\n"
            "     0   0.6  linear\n"
            "   0.6     8  transitional\n"
            "log-odds of means per answer token\n");
}

TEST(FitTextTest, TellsWhyThereIsNone) {
  EXPECT_EQ(FitText(MakeUnfitted(v1::Curve()), v1::SUM),
            "preference: too few points: 5 multipliers; 9 are the least\n"
            "utility: flat: the means lie within 1e-9 nats\n"
            "phases of the preference: none: the preference was not fitted\n"
            "log-odds of sums over the answers' tokens\n");
}

TEST(RecommendationTextTest, TellsWhatItCosts) {
  v1::RecommendMultiplierResponse told = MakeRecommendation();
  EXPECT_EQ(RecommendationText(told),
            "multiplier:  +1.37\n"
            "preference:  +1.0266, a gain of +0.8766\n"
            "utility:     +0.2416, a loss of +0.4584\n"
            "read from:   the fitted laws\n"
            "searched:    -1.95 (half validity) .. 2.51 (half validity)\n");
  told.set_feasible(false);
  told.set_from_points(true);
  told.set_from_points_reason("the utility is flat");
  EXPECT_THAT(RecommendationText(told), HasSubstr("+1.37, nearest to the goal, not in it\n"));
  EXPECT_THAT(RecommendationText(told),
              HasSubstr("lines between measured points: the utility is flat\n"));
}

TEST(CurveDetailsTest, SaysWhatItHoldsFor) {
  v1::Curve curve = MakeCurve();
  curve.set_both_spellings(true);
  const std::string text = Details(curve);
  EXPECT_THAT(text, HasSubstr("generated tokens\n"));
  EXPECT_THAT(text, HasSubstr("30, of which 28 have a utility at every multiplier\n"));
  EXPECT_THAT(text, HasSubstr("chat template, both spellings\n"));
  EXPECT_THAT(text, Not(HasSubstr("system")));
  curve.set_raw(true);
  curve.set_end_of_turn(true);
  curve.set_both_spellings(false);
  EXPECT_THAT(Details(curve), HasSubstr("raw, with end of turn, as spelt\n"));
  EXPECT_THAT(text, Not(HasSubstr("second")));
  EXPECT_THAT(Details(OfTwo()), HasSubstr("second:         " + std::string(64, 'b') + "\n"));
  EXPECT_THAT(Details(OfTwo()), HasSubstr("its positions:  prompt tokens\n"));
}

}  // namespace
}  // namespace steer

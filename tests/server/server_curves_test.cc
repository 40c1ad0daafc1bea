// Dose curves: measured, kept, fitted, asked for a multiplier, deleted.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/curve_fixture.h"

namespace steer {
namespace {

TEST_F(CurveTest, ACurveIsWhatScoreSays) {
  RegisterVector(0.5f, "calm");
  const v1::SweepRequest request = SweepOf("calm", 3, {2, -1, 0, 1});
  const v1::Curve curve = Sweep(request);
  v1::ScoreRequest score;
  *score.mutable_pairs() = request.pairs();
  // A factor on the multiplier 1, whatever the signal's own is.
  score.add_controls()->set_signal("calm");
  score.mutable_controls(0)->set_multiplier(1);
  for (const double m : {-1, 0, 1, 2}) score.add_multipliers(m);
  grpc::ClientContext context;
  const auto reader = analysis_->Score(&context, score);
  v1::ScoreResponse response;
  int seen = 0;
  while (reader->Read(&response)) {
    if (!response.has_point()) continue;
    const v1::CurvePoint& point = curve.points(seen++);
    EXPECT_EQ(point.multiplier(), response.point().multiplier());
    EXPECT_NEAR(point.preference(), response.point().mean().preference(), 1e-4);
    EXPECT_NEAR(point.sum_preference(), response.point().sum().preference(), 1e-3);
    EXPECT_LE(point.preference_interval().low(), point.preference());
    EXPECT_GE(point.preference_interval().high(), point.preference());
    EXPECT_LE(point.sum_preference_interval().low(), point.sum_preference());
    EXPECT_GE(point.sum_preference_interval().high(), point.sum_preference());
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(seen, 4);
  EXPECT_NE(curve.points(0).preference(), curve.points(3).preference());
}

TEST_F(CurveTest, ACurveIsKeptUnderItsContent) {
  const std::string id = RegisterVector(0.5f, "calm");
  RegisterVector(0.25f, "other");
  const v1::Curve curve = Sweep(SweepOf("calm", 2, {0, 1}));
  EXPECT_EQ(curve.id().size(), 64U);
  EXPECT_EQ(curve.signal_id(), id);
  EXPECT_TRUE(curve.both_spellings());
  const v1::Curve other = Sweep(SweepOf("other", 2, {0, 1}));
  EXPECT_NE(other.id(), curve.id());
  EXPECT_EQ(List("").curves_size(), 2);
  ASSERT_EQ(List("calm").curves_size(), 1);
  EXPECT_EQ(List("calm").curves(0).id(), curve.id());
  EXPECT_EQ(List("calm").curves(0).points_size(), 0);

  grpc::ClientContext get_context;
  v1::GetCurveRequest get;
  get.set_curve_id(curve.id());
  v1::Curve kept;
  ASSERT_TRUE(analysis_->GetCurve(&get_context, get, &kept).ok());
  EXPECT_EQ(kept.SerializeAsString(), curve.SerializeAsString());

  grpc::ClientContext delete_context;
  v1::DeleteCurveRequest remove;
  remove.set_curve_id(curve.id());
  v1::DeleteCurveResponse removed;
  EXPECT_TRUE(analysis_->DeleteCurve(&delete_context, remove, &removed).ok());
  EXPECT_EQ(List("calm").curves_size(), 0);
  EXPECT_EQ(List("").curves_size(), 1);
}

TEST_F(CurveTest, ACurveIsFittedAndAskedForAMultiplier) {
  RegisterVector(0.5f, "calm");
  std::vector<double> multipliers;
  for (int i = -8; i <= 8; ++i) multipliers.push_back(i);
  const v1::Curve curve = Sweep(SweepOf("calm", 4, multipliers));
  v1::FitCurveRequest fit;
  fit.set_curve_id(curve.id());
  fit.set_resamples(20);
  fit.set_band_points(5);
  v1::FitCurveResponse fitted;
  grpc::ClientContext fit_context;
  ASSERT_TRUE(analysis_->FitCurve(&fit_context, fit, &fitted).ok());
  EXPECT_EQ(fitted.curve().id(), curve.id());
  ASSERT_EQ(fitted.preference().verdict(), v1::FITTED) << fitted.preference().reason();
  EXPECT_EQ(fitted.preference().residuals_size(), 17);
  EXPECT_TRUE(fitted.preference().has_r_squared());
  ASSERT_EQ(fitted.fitted_size(), 5);
  EXPECT_EQ(fitted.fitted(0).multiplier(), -8);
  EXPECT_EQ(fitted.fitted(4).multiplier(), 8);
  // Fitted, with a band around it.
  EXPECT_TRUE(fitted.fitted(2).has_preference());
  EXPECT_LE(fitted.fitted(2).preference_band().low(), fitted.fitted(2).preference_band().high());
  // The same again, bit for bit.
  v1::FitCurveResponse again;
  grpc::ClientContext again_context;
  ASSERT_TRUE(analysis_->FitCurve(&again_context, fit, &again).ok());
  EXPECT_EQ(again.SerializeAsString(), fitted.SerializeAsString());

  v1::RecommendMultiplierRequest recommend;
  recommend.set_curve_id(curve.id());
  recommend.set_max_utility_loss(1e6);
  v1::RecommendMultiplierResponse answer;
  grpc::ClientContext recommend_context;
  const grpc::Status status =
      analysis_->RecommendMultiplier(&recommend_context, recommend, &answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(answer.feasible());
  EXPECT_GE(answer.preference_gain(), 0);
  EXPECT_GE(answer.multiplier(), answer.searched_low());
  EXPECT_LE(answer.multiplier(), answer.searched_high());
  EXPECT_THAT(answer.low_end(), ::testing::AnyOf("last measured", "gap", "half validity"));
  EXPECT_EQ(answer.curve().id(), curve.id());
}

TEST_F(CurveTest, TextsAreMeasuredAtEachMultiplierAndJudgedByThePlainModel) {
  RegisterVector(3.0f, "loud");
  v1::MeasureTextRequest request;
  for (const char* question : {"one", "two", "three"}) request.add_questions(question);
  request.add_controls()->set_signal("loud");
  request.mutable_controls(0)->set_multiplier(1);
  for (const double m : {0.0, 4.0, 0.0}) request.add_multipliers(m);
  request.mutable_sampling()->set_max_tokens(12);
  request.mutable_sampling()->set_temperature(0);
  request.mutable_sampling()->set_ignore_eos(true);
  grpc::ClientContext context;
  const auto reader = analysis_->MeasureText(&context, request);
  v1::MeasureTextResponse response;
  std::vector<v1::TextPoint> points;
  while (reader->Read(&response)) points.push_back(response.point());
  const grpc::Status status = reader->Finish();
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(points.size(), 3U);
  for (const v1::TextPoint& point : points) {
    ASSERT_EQ(point.samples_size(), 3);
    double sum = 0;
    for (const v1::MeasuredText& sample : point.samples()) {
      EXPECT_EQ(sample.tokens(), 12);
      sum += sample.plain_nll();
    }
    EXPECT_NEAR(point.plain_nll(), sum / 3, 1e-9);
  }
  // Greedy texts of the plain model are what it finds least surprising; the same again at 0.
  EXPECT_GT(points[1].plain_nll(), points[0].plain_nll());
  EXPECT_EQ(points[2].samples(0).text(), points[0].samples(0).text());
  EXPECT_NE(points[1].samples(0).text(), points[0].samples(0).text());
  EXPECT_NEAR(points[2].plain_nll(), points[0].plain_nll(), 1e-4);
}

TEST_F(CurveTest, GeneratedTextHasTheLastWordOnARecommendation) {
  RegisterVector(3.0f, "loud");
  std::vector<double> multipliers;
  for (int i = -4; i <= 4; ++i) multipliers.push_back(i);
  const v1::Curve curve = Sweep(SweepOf("loud", 3, multipliers));
  const auto recommend = [&](double max_increase) {
    v1::RecommendMultiplierRequest request;
    request.set_curve_id(curve.id());
    request.set_max_utility_loss(1e6);
    request.mutable_check()->add_questions("one");
    request.mutable_check()->add_questions("two");
    request.mutable_check()->set_max_tokens(12);
    request.mutable_check()->set_max_nll_increase(max_increase);
    v1::RecommendMultiplierResponse answer;
    grpc::ClientContext context;
    const grpc::Status status = analysis_->RecommendMultiplier(&context, request, &answer);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return answer;
  };
  const v1::RecommendMultiplierResponse any = recommend(1e6);
  EXPECT_TRUE(any.check().passed());
  EXPECT_EQ(any.check().tried(), 1);
  EXPECT_EQ(any.multiplier(), any.check().first_multiplier());
  // Nothing is that much less surprising than the plain model's own text.
  const v1::RecommendMultiplierResponse none = recommend(-100);
  EXPECT_FALSE(none.check().passed());
  EXPECT_EQ(none.check().tried(), 8);
  EXPECT_EQ(none.multiplier(), 0);
  EXPECT_EQ(none.preference_gain(), 0);
  EXPECT_EQ(none.check().first_multiplier(), any.multiplier());
}

TEST_F(CurveTest, ACurveGoesWithItsSignal) {
  const std::string id = RegisterVector(0.5f, "calm");
  Sweep(SweepOf("calm", 2, {0, 1}));
  grpc::ClientContext context;
  v1::DeleteSignalRequest request;
  request.set_signal_id(id);
  request.set_with_aliases(true);
  v1::DeleteSignalResponse response;
  ASSERT_TRUE(signals_->DeleteSignal(&context, request, &response).ok());
  EXPECT_EQ(List("").curves_size(), 0);
}

}  // namespace
}  // namespace steer

// ViewManifold over the wire: what comes in which order, D beside the distances, and whose curve.

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/curve_fixture.h"

namespace steer {
namespace {

class ManifoldTest : public CurveTest {
 protected:
  static v1::ViewManifoldRequest RequestOf(const std::string& signal,
                                           const std::vector<double>& multipliers) {
    v1::ViewManifoldRequest request;
    for (int i = 0; i < 5; ++i)
      request.add_questions("the question " + std::to_string(i) + " of another user");
    request.mutable_control()->set_signal(signal);
    for (const double m : multipliers) request.add_multipliers(m);
    return request;
  }

  struct View {
    grpc::Status status;
    v1::ErrorDetail detail;
    std::vector<v1::ManifoldPoint> points;
    v1::ManifoldSummary summary;
    std::vector<v1::ScoreProgress> progress;
    std::string order;  // a letter for each event: r, p, s
  };
  View Ask(const v1::ViewManifoldRequest& request) {
    grpc::ClientContext context;
    const auto reader = analysis_->ViewManifold(&context, request);
    View view;
    v1::ViewManifoldResponse response;
    while (reader->Read(&response)) {
      if (response.has_progress()) view.progress.push_back(response.progress());
      if (response.has_point()) view.points.push_back(response.point());
      if (response.has_summary()) view.summary = response.summary();
      view.order += response.has_progress() ? 'r' : response.has_point() ? 'p' : 's';
    }
    view.status = reader->Finish();
    view.detail = DetailIn(context);
    return view;
  }
};

TEST_F(ManifoldTest, PointsInTheirOrderAndThenTheSummary) {
  const std::string id = RegisterVector(0.5f, "calm");
  const View view = Ask(RequestOf("calm", {2, 0, -1}));
  ASSERT_TRUE(view.status.ok()) << view.status.error_message();
  EXPECT_EQ(view.order.substr(view.order.size() - 4), "ppps");
  ASSERT_GE(view.progress.size(), 1U);
  EXPECT_EQ(view.progress[0].total(), 5 * 4);
  ASSERT_EQ(view.points.size(), 3U);
  EXPECT_EQ(view.points[0].multiplier(), 2);
  EXPECT_EQ(view.points[1].norm_ratio().mean(), 1);
  EXPECT_EQ(view.points[1].distance_ratio(), 1);
  EXPECT_FALSE(view.points[1].has_change_inside());
  // |2 v| of 64 entries of 0.5
  EXPECT_NEAR(view.points[0].change(), 8, 1e-4);
  EXPECT_NEAR(view.points[2].change(), 4, 1e-4);
  EXPECT_GT(view.points[0].distance_ratio(), view.points[2].distance_ratio());
  EXPECT_FALSE(view.points[0].has_preference_validity());
  const v1::ManifoldSummary& summary = view.summary;
  EXPECT_EQ(summary.control().signal_id(), id);
  EXPECT_EQ(summary.site(), "layers.1.block_out");
  EXPECT_EQ(summary.questions(), 5);
  EXPECT_EQ(summary.width(), kHidden);
  EXPECT_GE(summary.explained_share(), 0.9);
  EXPECT_LT(summary.components(), summary.tokens());
  EXPECT_GT(summary.plain_distance(), 0);
}

TEST_F(ManifoldTest, DOfTheSignalsOwnCurve) {
  RegisterVector(0.5f, "calm");
  RegisterVector(0.25f, "other");
  std::vector<double> multipliers;
  for (int i = -8; i <= 8; ++i) multipliers.push_back(i);
  const v1::Curve curve = Sweep(SweepOf("calm", 4, multipliers));
  v1::ViewManifoldRequest request = RequestOf("calm", {-4, 0, 20});
  request.set_curve_id(curve.id());
  const View view = Ask(request);
  ASSERT_TRUE(view.status.ok()) << view.status.error_message();
  ASSERT_EQ(view.summary.preference_missing(), "");
  // As FitCurve has it.
  v1::FitCurveRequest fit;
  fit.set_curve_id(curve.id());
  fit.set_resamples(-1);
  v1::FitCurveResponse fitted;
  grpc::ClientContext context;
  ASSERT_TRUE(analysis_->FitCurve(&context, fit, &fitted).ok());
  const v1::DecaySide& side = fitted.preference().negative();
  EXPECT_NEAR(view.points[0].preference_validity(),
              std::pow(1 + std::pow(-4 - side.peak(), 2) / side.width(), -side.tail()), 1e-9);
  EXPECT_FALSE(view.points[2].has_preference_validity());

  request.mutable_control()->set_signal("other");
  const View other = Ask(request);
  EXPECT_EQ(other.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(other.detail.field(), "curve_id");

  v1::SweepRequest two = SweepOf("calm", 2, {0, 1});
  two.mutable_second()->mutable_control()->set_signal("other");
  two.mutable_second()->mutable_multipliers()->add_values(0);
  two.mutable_second()->mutable_multipliers()->add_values(1);
  request.mutable_control()->set_signal("calm");
  request.set_curve_id(Sweep(two).id());
  const View of_two = Ask(request);
  EXPECT_EQ(of_two.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(of_two.detail.reason(), "CURVE_OF_TWO");
}

TEST_F(ManifoldTest, ACallerWhoLeavesStopsTheView) {
  RegisterVector(0.5f, "calm");
  v1::ViewManifoldRequest request = RequestOf("calm", {});
  for (int i = 0; i < 1000; ++i) request.add_multipliers(i);
  for (int i = 0; i < 900; ++i) request.add_questions("the question " + std::to_string(i));
  grpc::ClientContext context;
  const auto reader = analysis_->ViewManifold(&context, request);
  v1::ViewManifoldResponse response;
  ASSERT_TRUE(reader->Read(&response));
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(FreeWithin(std::chrono::seconds(20)));
}

TEST_F(ManifoldTest, TextsAreAskedWhatTheyChoose) {
  v1::MeasureTextRequest request;
  request.add_questions("one");
  request.add_questions("two");
  request.mutable_sampling()->set_max_tokens(6);
  request.mutable_sampling()->set_temperature(0);
  request.mutable_sampling()->set_ignore_eos(true);
  const auto ask = [&] {
    grpc::ClientContext context;
    const auto reader = analysis_->MeasureText(&context, request);
    v1::MeasureTextResponse response;
    EXPECT_TRUE(reader->Read(&response));
    const v1::TextPoint point = response.point();
    EXPECT_FALSE(reader->Read(&response));
    EXPECT_TRUE(reader->Finish().ok());
    return point;
  };
  const v1::TextPoint plain = ask();
  EXPECT_FALSE(plain.has_choices());
  EXPECT_EQ(plain.samples(0).chosen(), v1::CHOSEN_UNSPECIFIED);
  // What the first text is, it chooses; the second is asked for the same and says it is not that.
  for (int i = 0; i < 2; ++i) {
    v1::AnswerChoice& choice = *request.add_choices();
    choice.set_matching(i == 0 ? plain.samples(0).text() : "@@ what no text begins with");
    choice.set_not_matching(i == 0 ? "@@ what no text begins with" : plain.samples(1).text());
  }
  const v1::TextPoint asked = ask();
  EXPECT_EQ(asked.samples(0).text(), plain.samples(0).text());
  EXPECT_EQ(asked.samples(0).chosen(), v1::CHOSE_MATCHING);
  EXPECT_EQ(asked.samples(1).chosen(), v1::CHOSE_NOT_MATCHING);
  EXPECT_EQ(asked.choices().matching(), 1);
  EXPECT_EQ(asked.choices().not_matching(), 1);
  EXPECT_EQ(asked.choices().accuracy(), 0.5);
}

}  // namespace
}  // namespace steer

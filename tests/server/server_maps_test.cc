// Sweeps of several signals, one after another and two together, and the budgets they serve.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/curve_fixture.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

class MapTest : public CurveTest {
 protected:
  void SetUp() override {
    CurveTest::SetUp();
    RegisterVector(0.5f, "calm");
    RegisterVector(-0.25f, "loud");
  }

  v1::SweepRequest SweepOfTwo() {
    v1::SweepRequest request = SweepOf("calm", 3, {1, 0, -1});
    v1::SecondAxis& second = *request.mutable_second();
    second.mutable_control()->set_signal("loud");
    for (const double m : {0.0, 2.0}) second.mutable_multipliers()->add_values(m);
    return request;
  }

  v1::GenerateRequest Within(double budget, const std::vector<std::string>& signals) {
    v1::GenerateRequest request = Long();
    request.mutable_sampling()->set_max_tokens(4);
    for (const std::string& signal : signals) request.add_controls()->set_signal(signal);
    request.mutable_budget()->set_max_utility_loss(budget);
    return request;
  }
};

TEST_F(MapTest, AFamilyIsACurveForEach) {
  v1::SweepRequest request = SweepOf("calm", 3, {-1, 0, 1});
  const v1::Curve calm = Sweep(request);
  request.clear_control();
  request.add_family()->set_signal("calm");
  request.add_family()->set_signal("loud");
  request.mutable_family(1)->mutable_positions()->set_prompt(false);
  const std::vector<v1::Curve> curves = SweepAll(request);
  ASSERT_EQ(curves.size(), 2U);
  // The same curve, measured again.
  EXPECT_EQ(curves[0].SerializeAsString(), calm.SerializeAsString());
  EXPECT_NE(curves[1].signal_id(), calm.signal_id());
  EXPECT_FALSE(curves[1].positions().prompt());
  EXPECT_EQ(List("").curves_size(), 2);
}

TEST_F(MapTest, TwoSignalsAreMeasuredTogether) {
  const v1::Curve both = Sweep(SweepOfTwo());
  ASSERT_EQ(both.points_size(), 6);
  EXPECT_EQ(both.points(1).multiplier(), -1);
  EXPECT_EQ(both.points(1).second_multiplier(), 2);
  EXPECT_TRUE(both.has_second());
  // Where one is at 0, it is the curve of the other.
  const v1::Curve calm = Sweep(SweepOf("calm", 3, {-1, 0, 1}));
  for (int i = 0; i < 3; ++i)
    EXPECT_NEAR(both.points(2 * i).preference(), calm.points(i).preference(), 1e-4);
  const v1::Curve loud = Sweep(SweepOf("loud", 3, {0, 2}));
  EXPECT_NEAR(both.points(3).preference(), loud.points(1).preference(), 1e-4);
  // And where neither is, it is a score with both.
  v1::ScoreRequest score;
  *score.mutable_pairs() = SweepOfTwo().pairs();
  for (const auto& [name, m] : {std::pair<const char*, double>{"calm", 1}, {"loud", 2}}) {
    v1::Control& control = *score.add_controls();
    control.set_signal(name);
    control.set_multiplier(m);
  }
  grpc::ClientContext context;
  const auto reader = analysis_->Score(&context, score);
  v1::ScoreResponse response;
  while (reader->Read(&response)) {
    if (!response.has_point()) continue;
    EXPECT_NEAR(both.points(5).preference(), response.point().mean().preference(), 1e-4);
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(List("loud").curves_size(), 2);

  grpc::ClientContext fit_context;
  v1::FitCurveRequest fit;
  fit.set_curve_id(both.id());
  v1::FitCurveResponse fitted;
  EXPECT_EQ(analysis_->FitCurve(&fit_context, fit, &fitted).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(DetailIn(fit_context).reason(), "CURVE_OF_TWO");
}

TEST_F(MapTest, WhatIsNoMapIsRefused) {
  v1::SweepRequest request = SweepOfTwo();
  request.mutable_multipliers()->clear_values();
  request.mutable_multipliers()->add_values(1);
  request.mutable_multipliers()->add_values(2);
  EXPECT_EQ(Refused(request).field(), "multipliers.values");
  request = SweepOfTwo();
  request.mutable_second()->mutable_multipliers()->set_values(0, 1);
  EXPECT_EQ(Refused(request).field(), "second.multipliers.values");
  request = SweepOfTwo();
  request.mutable_adaptive()->set_low(-1);
  request.mutable_adaptive()->set_high(1);
  EXPECT_EQ(Refused(request).field(), "adaptive");
  request = SweepOfTwo();
  request.mutable_second()->mutable_control()->set_signal("nobody");
  EXPECT_EQ(Refused(request).field(), "second.control.signal");
  request.mutable_second()->mutable_control()->set_signal("loud");
  request.mutable_second()->mutable_control()->set_multiplier(1);
  EXPECT_EQ(Refused(request).field(), "second.control.multiplier");
  request = SweepOfTwo();
  request.mutable_second()->mutable_control()->set_signal("calm");
  EXPECT_EQ(Refused(request).field(), "second.control.signal");
  request = SweepOfTwo();
  request.add_family()->set_signal("calm");
  EXPECT_EQ(Refused(request).field(), "family");
  request.clear_control();
  request.clear_second();
  request.add_family()->set_signal("nobody");
  EXPECT_EQ(Refused(request).field(), "family[1].signal");
}

TEST_F(MapTest, ABudgetChoosesTheMultiplierAndTheReceiptTellsHow) {
  std::vector<double> multipliers;
  for (int i = -4; i <= 4; ++i) multipliers.push_back(i);
  const v1::Curve curve = Sweep(SweepOf("calm", 4, multipliers));
  v1::RecommendMultiplierRequest recommend;
  recommend.set_curve_id(curve.id());
  recommend.set_max_utility_loss(0.01);
  v1::RecommendMultiplierResponse expected;
  grpc::ClientContext context;
  ASSERT_TRUE(analysis_->RecommendMultiplier(&context, recommend, &expected).ok());

  const Answer answer = Generate(Within(0.01, {"calm"}));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  const v1::Receipt& receipt = answer.finished.receipt();
  ASSERT_TRUE(receipt.has_budget());
  EXPECT_EQ(receipt.budget().max_utility_loss(), 0.01);
  ASSERT_EQ(receipt.budget().shares_size(), 1);
  EXPECT_EQ(receipt.budget().shares(0).curve_id(), curve.id());
  EXPECT_EQ(receipt.budget().shares(0).multiplier(), expected.multiplier());
  EXPECT_EQ(receipt.budget().utility_loss(), expected.utility_loss());
  EXPECT_EQ(receipt.budget().preference_gain(), expected.preference_gain());
  EXPECT_EQ(receipt.controls(0).control().multiplier(), expected.multiplier());
  EXPECT_EQ(receipt.controls(0).control().bias_multiplier(), expected.multiplier());
  // Its multiplier alone gives the same text.
  v1::GenerateRequest again = Within(0.01, {"calm"});
  again.clear_budget();
  again.mutable_controls(0)->set_multiplier(receipt.controls(0).control().multiplier());
  EXPECT_EQ(Generate(again).ids, answer.ids);
  EXPECT_FALSE(Generate(again).finished.receipt().has_budget());
}

TEST_F(MapTest, TwoSignalsShareABudgetMeasuredOrAssumed) {
  Sweep(SweepOf("calm", 3, {-1, 0, 1}));
  Sweep(SweepOf("loud", 3, {-1, 0, 1}));
  const Answer assumed = Generate(Within(0.05, {"calm", "loud"}));
  ASSERT_TRUE(assumed.status.ok()) << assumed.status.error_message();
  EXPECT_TRUE(assumed.finished.receipt().budget().assumed_additive());
  EXPECT_EQ(assumed.finished.receipt().budget().shares_size(), 2);
  EXPECT_TRUE(assumed.finished.receipt().budget().shares(0).has_utility_loss());
  const v1::Curve both = Sweep(SweepOfTwo());
  const Answer measured = Generate(Within(0.05, {"loud", "calm"}));
  ASSERT_TRUE(measured.status.ok()) << measured.status.error_message();
  const v1::BudgetReceipt& budget = measured.finished.receipt().budget();
  EXPECT_FALSE(budget.assumed_additive());
  EXPECT_EQ(budget.shares(0).curve_id(), both.id());
  EXPECT_EQ(budget.shares(1).signal_id(), both.signal_id());
  EXPECT_LE(budget.utility_loss(), 0.05);
  EXPECT_FALSE(budget.shares(0).has_utility_loss());
}

TEST_F(MapTest, ABudgetThatMeansNothingIsRefused) {
  EXPECT_EQ(Generate(Within(0.1, {"calm"})).detail.reason(), "NO_CURVE");
  v1::GenerateRequest request = Within(0.1, {"calm"});
  request.mutable_controls(0)->set_multiplier(1);
  EXPECT_EQ(Generate(request).detail.field(), "controls[0].multiplier");
  request = Within(0.1, {"calm"});
  request.mutable_budget()->clear_max_utility_loss();
  EXPECT_EQ(Generate(request).detail.field(), "budget.max_utility_loss");
  request = Within(0.1, {"calm"});
  request.mutable_budget()->add_curve_ids("short");
  EXPECT_EQ(Generate(request).detail.field(), "budget.curve_ids[0]");
  request = Within(0.1, {});
  EXPECT_THAT(Generate(request).detail.got(), HasSubstr("no control"));
  Sweep(SweepOf("calm", 2, {-1, 0, 1}));
  const Answer out = Generate(Within(-1000, {"calm"}));
  EXPECT_EQ(out.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(out.detail.reason(), "BUDGET_OUT_OF_REACH");
}

}  // namespace
}  // namespace steer

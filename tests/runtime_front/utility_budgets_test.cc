#include "core/runtime/utility_budgets.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/store/sqlite_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/test_signals.h"

namespace steer {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr char kModel[] = "shape:weights:f32";

// Losses whose mean odds are these: L_p and L_n with L_n - L_p = preference and
// log(e^-Lp + e^-Ln) = a, where a utility of U is a = -log(1 + e^-U).
CurveLosses LossesOf(double preference, double utility) {
  const double a = -std::log1p(std::exp(-utility));
  // e^-Lp (1 + e^-preference) = e^a
  const double positive = std::log1p(std::exp(-preference)) - a;
  const double negative = positive + preference;
  return {positive, negative, positive, negative};
}

class UtilityBudgetsTest : public testing::Test {
 protected:
  UtilityBudgetsTest() : store_(*OpenSqliteStore(folder_.path())), budgets_(kModel, store_.get()) {}

  ResolvedControl Control(int seed, const std::string& name) {
    const absl::StatusOr<SignalStore::PutResult> put = store_->Put(VectorSignal(seed), {}, "");
    EXPECT_TRUE(put.ok()) << put.status();
    return {.name = name, .signal_id = put->record.id};
  }

  // Preference `gain` m and utility 6 - `loss` |m| at -2 .. 2.
  CurveRecord Curve(const ResolvedControl& control, double gain, double loss) {
    CurveRecord curve;
    curve.signal_id = control.signal_id;
    curve.positions = control.positions;
    curve.model_fingerprint = kModel;
    curve.pairs_sha256 = std::string(64, 'b');
    curve.pairs = 2;
    for (double m = -2; m <= 2; ++m) {
      curve.multipliers.push_back(m);
      for (int pair = 0; pair < 2; ++pair)
        curve.losses.push_back(LossesOf(gain * m + pair, 6 - loss * std::abs(m) + pair));
    }
    return curve;
  }

  // Together they lose less than alone, |a| / 8 + |b| / 2, but for the outermost of the first.
  CurveRecord CurveOfTwo(const ResolvedControl& first, const ResolvedControl& second) {
    CurveRecord curve = Curve(first, 0, 0);
    curve.losses.clear();
    curve.second = SecondAxis{second.signal_id, second.positions, {-1, 0, 1}};
    for (const double a : curve.multipliers) {
      for (const double b : curve.second->multipliers) {
        for (int pair = 0; pair < 2; ++pair) {
          const double loss = std::abs(a) == 2 ? 5 : std::abs(a) / 8 + std::abs(b) / 2;
          curve.losses.push_back(LossesOf(a + 3 * b, 6 - loss));
        }
      }
    }
    return curve;
  }

  std::string Keep(const CurveRecord& curve) {
    const absl::StatusOr<CurveRecord> kept = store_->PutCurve(curve);
    EXPECT_TRUE(kept.ok()) << kept.status();
    return kept->id;
  }

  std::string ReasonOf(const BudgetSpec& spec, const std::vector<ResolvedControl>& controls) {
    const absl::StatusOr<BudgetChoice> choice = budgets_.Choose(spec, controls);
    EXPECT_FALSE(choice.ok());
    return std::string(choice.status().message());
  }

  TemporaryFolder folder_;
  std::unique_ptr<SignalStore> store_;
  UtilityBudgets budgets_;
};

TEST_F(UtilityBudgetsTest, OneSignalGetsTheMultiplierThatItsCurveAllows) {
  const ResolvedControl calm = Control(1, "calm");
  const std::string id = Keep(Curve(calm, 2, 0.5));
  const absl::StatusOr<BudgetChoice> choice = budgets_.Choose({.max_utility_loss = 0.25}, {calm});
  ASSERT_TRUE(choice.ok()) << choice.status();
  ASSERT_THAT(choice->shares, SizeIs(1));
  EXPECT_NEAR(choice->shares[0].multiplier, 0.5, 1e-6);
  EXPECT_EQ(choice->shares[0].curve_id, id);
  EXPECT_NEAR(choice->preference_gain, 1, 1e-6);
  EXPECT_NEAR(choice->utility_loss, 0.25, 1e-6);
  EXPECT_FALSE(choice->assumed_additive);
  const auto away =
      budgets_.Choose({.max_utility_loss = 0.25, .less_preference = {"calm"}}, {calm});
  EXPECT_NEAR(away->shares[0].multiplier, -0.5, 1e-6);
  EXPECT_NEAR(away->preference_gain, 1, 1e-6);
}

TEST_F(UtilityBudgetsTest, SeveralSignalsShareTheBudgetAndItSaysThatLossesWereAdded) {
  const ResolvedControl dear = Control(1, "dear"), cheap = Control(2, "cheap");
  Keep(Curve(dear, 1, 1));
  Keep(Curve(cheap, 1, 0.5));
  const auto choice = budgets_.Choose({.max_utility_loss = 0.25}, {dear, cheap});
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_TRUE(choice->assumed_additive);
  EXPECT_NEAR(choice->shares[0].multiplier, 0, 0.02);
  EXPECT_NEAR(choice->shares[1].multiplier, 0.5, 0.02);
  EXPECT_LE(choice->utility_loss, 0.25);
  EXPECT_NEAR(*choice->shares[0].utility_loss + *choice->shares[1].utility_loss,
              choice->utility_loss, 1e-9);
}

TEST_F(UtilityBudgetsTest, ACurveOfBothIsBelievedBeforeSums) {
  const ResolvedControl first = Control(1, "first"), second = Control(2, "second");
  Keep(Curve(first, 1, 1));
  Keep(Curve(second, 3, 1));
  const std::string both = Keep(CurveOfTwo(first, second));
  const auto choice = budgets_.Choose({.max_utility_loss = 0.501}, {first, second});
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_FALSE(choice->assumed_additive);
  EXPECT_EQ(choice->shares[0].curve_id, both);
  EXPECT_NEAR(choice->shares[0].multiplier, 1, 1e-6);
  EXPECT_NEAR(choice->shares[1].multiplier, 0.75, 1e-6);
  EXPECT_NEAR(choice->preference_gain, 3.25, 1e-6);
  EXPECT_NEAR(choice->utility_loss, 0.5, 1e-6);
  // In whichever order the request has them.
  const auto turned = budgets_.Choose(
      {.max_utility_loss = 0.501, .less_preference = {"first", "second"}}, {second, first});
  EXPECT_NEAR(turned->shares[0].multiplier, -0.75, 1e-6);
  EXPECT_NEAR(turned->shares[1].multiplier, -1, 1e-6);
  // It is about one concept: opposite ways are two wishes.
  const auto opposite =
      budgets_.Choose({.max_utility_loss = 0.5, .less_preference = {"first"}}, {first, second});
  ASSERT_TRUE(opposite.ok()) << opposite.status();
  EXPECT_TRUE(opposite->assumed_additive);
  EXPECT_THAT(ReasonOf({.max_utility_loss = 0.5, .less_preference = {"first"}, .curve_ids = {both}},
                       {first, second}),
              HasSubstr("opposite ways"));
}

TEST_F(UtilityBudgetsTest, TheNewestCurveThatFitsIsTaken) {
  ResolvedControl calm = Control(1, "calm");
  const std::string old = Keep(Curve(calm, 1, 1));
  CurveRecord other = Curve(calm, 1, 0.25);
  other.model_fingerprint = "shape:weights:bf16";
  Keep(other);
  other = Curve(calm, 1, 0.25);
  other.positions.prompt = false;
  Keep(other);
  EXPECT_EQ(budgets_.Choose({.max_utility_loss = 0.5}, {calm})->shares[0].curve_id, old);
  const std::string newer = Keep(Curve(calm, 1, 0.5));
  EXPECT_EQ(budgets_.Choose({.max_utility_loss = 0.5}, {calm})->shares[0].curve_id, newer);
  const auto named = budgets_.Choose({.max_utility_loss = 0.5, .curve_ids = {old}}, {calm});
  EXPECT_EQ(named->shares[0].curve_id, old);
  EXPECT_NEAR(named->shares[0].multiplier, 0.5, 1e-6);
  // Deleted curves serve nobody, though their fits may still be remembered.
  EXPECT_TRUE(store_->DeleteCurve(old).ok());
  EXPECT_TRUE(absl::IsNotFound(
      budgets_.Choose({.max_utility_loss = 0.5, .curve_ids = {old}}, {calm}).status()));
}

TEST_F(UtilityBudgetsTest, WithoutACurveThereIsNoGuessing) {
  const ResolvedControl calm = Control(1, "calm"), loud = Control(2, "loud");
  EXPECT_THAT(ReasonOf({.max_utility_loss = 1}, {calm}), HasSubstr("controls[0].signal"));
  const std::string id = Keep(Curve(calm, 1, 1));
  EXPECT_THAT(ReasonOf({.max_utility_loss = 1}, {calm, loud}), HasSubstr("controls[1].signal"));
  EXPECT_THAT(ReasonOf({.max_utility_loss = 1, .curve_ids = {id}}, {loud}),
              HasSubstr("measured for other signals"));
  EXPECT_THAT(ReasonOf({.max_utility_loss = 1, .curve_ids = {id, id}}, {calm}),
              HasSubstr("2 curves"));
  EXPECT_THAT(ReasonOf({.max_utility_loss = 1, .less_preference = {"clam"}}, {calm}),
              HasSubstr("budget.less_preference[0]"));
  EXPECT_THAT(ReasonOf({.max_utility_loss = 1}, {}), HasSubstr("no control"));
}

TEST_F(UtilityBudgetsTest, ABudgetThatNothingKeepsIsRefused) {
  const ResolvedControl calm = Control(1, "calm"), loud = Control(2, "loud");
  Keep(Curve(calm, 1, 1));
  EXPECT_THAT(ReasonOf({.max_utility_loss = -0.5}, {calm}), HasSubstr("lose at least 0"));
  EXPECT_EQ(budgets_.Choose({.max_utility_loss = -0.5}, {calm}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Keep(Curve(loud, 1, 1));
  EXPECT_THAT(ReasonOf({.max_utility_loss = -0.5}, {calm, loud}), HasSubstr("lose at least 0"));
  const auto nothing = budgets_.Choose({.max_utility_loss = 0}, {calm});
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_NEAR(nothing->shares[0].multiplier, 0, 1e-6);
}

}  // namespace
}  // namespace steer

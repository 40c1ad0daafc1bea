#include "core/learn/objective.h"

#include <cmath>

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

at::Tensor Values(std::vector<double> values) { return at::tensor(values, at::dtype(at::kDouble)); }

// One pair of answers of so many tokens.
PairLogProbs OnePair(double winning, double winning_tokens, double losing, double losing_tokens,
                     double plain_winning = 0, double plain_losing = 0) {
  return {.winning = Values({winning}),
          .losing = Values({losing}),
          .winning_tokens = Values({winning_tokens}),
          .losing_tokens = Values({losing_tokens}),
          .plain_winning = Values({plain_winning}),
          .plain_losing = Values({plain_losing})};
}

double LossOf(const Objective& objective, const PairLogProbs& pairs) {
  return Loss(objective, pairs).item<double>();
}

TEST(ObjectiveTest, DpoBeginsAtLog2) {
  EXPECT_NEAR(LossOf(DpoParams{}, OnePair(-40, 20, -60, 30, -40, -60)), std::log(2), 1e-12);
}

TEST(ObjectiveTest, DpoFollowsTheMarginAgainstThePlainModel) {
  // 0.1 (-40 + 60 + 45 - 58) = 0.7
  EXPECT_NEAR(LossOf(DpoParams{}, OnePair(-40, 20, -60, 30, -45, -58)), std::log1p(std::exp(-0.7)),
              1e-12);
}

// Figures known of the methods' own definitions.
TEST(ObjectiveTest, RepsWeighsTheWinnerByHowUnlikelyItWas) {
  EXPECT_NEAR(LossOf(RepsParams{}, OnePair(-40, 20, -60, 20, -50, -48)), 1.313262, 1e-6);
  EXPECT_NEAR(LossOf(RepsParams{}, OnePair(-40, 20, -60, 20, -50, -52)), 0.313262, 1e-6);
}

TEST(ObjectiveTest, SimpoTakesMeansAndAMargin) {
  // 10 (-2 + 3) - 5 = 5
  EXPECT_NEAR(LossOf(SimpoParams{.beta = 10, .margin = 5}, OnePair(-40, 20, -60, 20)), 0.006715,
              1e-6);
}

// Figures known of the method's own definition: at equal gaps each pair's distance alone counts.
TEST(ObjectiveTest, HardPairsAreHeldLessTightly) {
  PairLogProbs pairs = {.winning = Values({-4, -4, -4, -4}), .losing = Values({-6, -6, -6, -6})};
  pairs.plain_winning = pairs.winning - 0.5;
  pairs.plain_losing = pairs.losing;
  pairs.distance = Values({0.1, 0.5, 0.9, 1.3});
  const at::Tensor betas = HardnessBetas(0.1, pairs);
  const std::vector<double> expected = {0.07857, 0.09316, 0.10640, 0.11761};
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_NEAR(betas.index({i}).item<double>(), expected[static_cast<size_t>(i)], 1e-5);
  // Where the policy is the plain model, too; and equal distances are plain DPO.
  pairs.plain_winning = pairs.winning;
  EXPECT_NEAR(HardnessBetas(0.1, pairs).index({0}).item<double>(), 0.07857, 1e-5);
  pairs.distance = Values({0.4, 0.4, 0.4, 0.4});
  pairs.plain_winning = pairs.winning - 0.5;
  pairs.winning_tokens = pairs.losing_tokens = Values({1, 1, 1, 1});
  EXPECT_NEAR(LossOf(DpoParams{.hardness_aware = true}, pairs), LossOf(DpoParams{}, pairs), 1e-12);
}

// Gaps of 1, 1, 1 and 5 over a mean of 2: trimmed, 0.5; untrimmed, 1.
TEST(ObjectiveTest, AMinibatchThatRespondsUnevenlyIsHeldLessTightly) {
  PairLogProbs pairs = {.winning = Values({10, 10, 10, 50}), .losing = Values({0, 0, 0, 0})};
  pairs.plain_winning = pairs.plain_losing = Values({0, 0, 0, 0});
  pairs.distance = Values({1, 1, 1, 1});
  const double expected = 0.1 * (1 / (1 + std::exp(-0.5))) / (1 / (1 + std::exp(-1.0)));
  EXPECT_NEAR(HardnessBetas(0.1, pairs).index({2}).item<double>(), expected, 1e-12);
}

PairLogProbs TwoPairs() {
  return {.winning = Values({-4, -30}),
          .losing = Values({-6, -12}),
          .winning_tokens = Values({2, 10}),
          .losing_tokens = Values({4, 6}),
          .plain_winning = Values({-3, -33}),
          .plain_losing = Values({-7, -11}),
          .distance = Values({0.2, 0.9})};
}

TEST(ObjectiveTest, SftIsThePooledLossOfTheWinners) {
  EXPECT_NEAR(LossOf(SftParams{}, TwoPairs()), 34.0 / 12, 1e-12);
}

TEST(ObjectiveTest, SplitPoolsTheTokensOfAMinibatch) {
  const double winning = 34.0 / 12, losing = 18.0 / 10;
  const double hinge = 0.4 - (losing - winning);
  EXPECT_NEAR(LossOf(SplitParams{}, TwoPairs()), winning + 0.5 * losing + 5 * hinge, 1e-12);
  // Far enough ahead there is no hinge.
  EXPECT_NEAR(LossOf(SplitParams{}, OnePair(-1, 1, -9, 3)), 1 + 0.5 * 3, 1e-12);
}

TEST(ObjectiveTest, SplitMayTakeEachPairByItself) {
  // (2, 1.5) and (3, 2)
  const double first = 2 + 0.5 * 1.5 + 5 * (0.4 + 0.5), second = 3 + 0.5 * 2 + 5 * (0.4 + 1);
  EXPECT_NEAR(LossOf(SplitParams{.per_pair = true}, TwoPairs()), (first + second) / 2, 1e-12);
}

TEST(ObjectiveTest, SplitMayHoldOnToThePlainModel) {
  const double plain = LossOf(SplitParams{}, TwoPairs());
  // Only losing answers got worse than the plain model's: 18 / 10 against 18 / 10; winners are
  // better, 34 / 12 against 36 / 12.
  EXPECT_NEAR(LossOf(SplitParams{.reference_weight = 3}, TwoPairs()), plain, 1e-12);
  PairLogProbs worse = TwoPairs();
  worse.plain_losing = Values({-6, -10});  // 1.6
  EXPECT_NEAR(LossOf(SplitParams{.reference_weight = 3}, worse), plain + 3 * 0.2, 1e-12);
}

TEST(ObjectiveTest, SwappedPairsTurnTheFirstGradientOfDpoAround) {
  const auto gradients = [](double winning, double losing) {
    PairLogProbs pairs = OnePair(winning, 5, losing, 7, winning, losing);
    pairs.winning.set_requires_grad(true);
    pairs.losing.set_requires_grad(true);
    Loss(DpoParams{}, pairs).backward();
    return std::pair(pairs.winning.grad().item<double>(), pairs.losing.grad().item<double>());
  };
  const auto [winning, losing] = gradients(-8, -11);
  EXPECT_NEAR(winning, -0.05, 1e-12);
  EXPECT_NEAR(losing, 0.05, 1e-12);
  const auto [other_winning, other_losing] = gradients(-11, -8);
  EXPECT_EQ(winning, other_winning);  // of what is now the other answer
  EXPECT_EQ(losing, other_losing);
}

// Against central differences, where no hinge bends.
TEST(ObjectiveTest, GradientsAreThoseOfTheValues) {
  for (const Objective& objective :
       {Objective(SftParams{}), Objective(SplitParams{.reference_weight = 0.7}),
        Objective(SplitParams{.per_pair = true}), Objective(RepsParams{.kappa = 0.6}),
        Objective(DpoParams{.beta = 0.3}),
        Objective(DpoParams{.beta = 0.3, .hardness_aware = true}), Objective(SimpoParams{})}) {
    PairLogProbs pairs = TwoPairs();
    pairs.plain_losing = Values({-5, -10});
    pairs.winning.set_requires_grad(true);
    pairs.losing.set_requires_grad(true);
    Loss(objective, pairs).backward();
    for (at::Tensor PairLogProbs::* member : {&PairLogProbs::winning, &PairLogProbs::losing}) {
      const at::Tensor gradient = (pairs.*member).grad();
      for (int64_t i = 0; i < 2; ++i) {
        const auto at = [&](double shift) {
          PairLogProbs moved = pairs;
          moved.*member = (pairs.*member).detach().clone();
          (moved.*member).index({i}) += shift;
          return LossOf(objective, moved);
        };
        const double expected = (at(1e-5) - at(-1e-5)) / 2e-5;
        const double actual = gradient.defined() ? gradient.index({i}).item<double>() : 0;
        EXPECT_NEAR(actual, expected, 1e-8) << Name(objective) << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace steer

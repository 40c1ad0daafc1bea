#include "core/learn/trainer.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/training/training_texts.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TrainerTest : public testing::Test {
 protected:
  std::unique_ptr<Trainer> NewTrainer(const CarrierSpec& spec, TrainingParams params,
                                      int unit_rows = 1 << 20, at::ScalarType type = at::kFloat,
                                      std::vector<ContrastPair> pairs = TrainingPairs()) {
    if (decoder_ == nullptr || decoder_->dtype() != type)
      decoder_ = LoadDecoder(RequiredEnv("STEER_TINY_MODEL"), type);
    Carrier carrier = Carrier::Create(spec, decoder_->config().shape(), 5, at::kCPU,
                                      type == at::kDouble ? at::kDouble : at::kFloat);
    auto trainer = Trainer::Create(PartsOf(decoder_, unit_rows), std::move(carrier),
                                   std::move(pairs), std::move(params));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }

  static std::vector<StepReport> RunAll(Trainer& trainer) {
    std::vector<StepReport> reports;
    while (!trainer.done()) {
      const absl::StatusOr<StepReport> report = trainer.Step();
      EXPECT_TRUE(report.ok()) << report.status();
      if (!report.ok()) break;
      reports.push_back(*report);
    }
    return reports;
  }

  std::shared_ptr<const Decoder> decoder_;
};

TrainingParams Params(Objective objective, int steps = 20) {
  return {.objective = objective,
          .positions = {.exclude_template_head = true},
          .schedule = {.batch = 4, .factors = {0.5, 1, 1.5}},
          .steps = steps,
          .learning_rate = 0.02};
}

const std::vector<Objective>& Objectives() {
  static const std::vector<Objective> all = {
      SftParams{},  SplitParams{},        SplitParams{.per_pair = true},
      RepsParams{}, DpoParams{.beta = 1}, DpoParams{.beta = 1, .hardness_aware = true},
      SimpoParams{}};
  return all;
}

double MeanOf(const std::vector<StepReport>& reports, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) sum += reports[i].loss;
  return sum / static_cast<double>(end - begin);
}

TEST_F(TrainerTest, EveryObjectiveGetsSmallerWithEveryCarrier) {
  for (const auto& [name, spec] : CarrierSpecs()) {
    for (const Objective& objective : Objectives()) {
      TrainingParams params = Params(objective, 40);
      // Two vectors have no one plain state to be taken out of.
      if (spec.places.size() > 1) params.schedule.use = PairUse::kAdd;
      const auto trainer = NewTrainer(spec, params);
      const std::vector<StepReport> reports = RunAll(*trainer);
      ASSERT_EQ(reports.size(), 40U);
      EXPECT_LT(MeanOf(reports, 30, 40), MeanOf(reports, 0, 10)) << name << " " << Name(objective);
    }
  }
}

TEST_F(TrainerTest, EqualSeedsGiveEqualBits) {
  for (const double dropout : {0.0, 0.2}) {
    TrainingParams params = Params(SplitParams{});
    params.dropout = dropout;
    const auto signal_of = [&](uint64_t seed) {
      params.schedule.seed = seed;
      const auto trainer = NewTrainer(CarrierSpecs()[2].second, params);
      RunAll(*trainer);
      return SignalId(trainer->carrier().ToSignal());
    };
    EXPECT_EQ(signal_of(1), signal_of(1));
    EXPECT_NE(signal_of(1), signal_of(2));
  }
}

// In pieces of one pair each, in pieces of two, and in one: the same sums.
TEST_F(TrainerTest, PiecesOfAMinibatchAddUpToTheWhole) {
  for (const Objective& objective : Objectives()) {
    std::vector<std::vector<StepReport>> runs;
    std::vector<at::Tensor> learnt;
    for (const int unit_rows : {1, 30, 1 << 20}) {
      TrainingParams params = Params(objective, 5);
      params.schedule.accumulation = 2;
      params.dropout = 0.1;
      params.noise = 0.01;
      const auto trainer = NewTrainer(CarrierSpecs()[0].second, params, unit_rows, at::kDouble);
      runs.push_back(RunAll(*trainer));
      learnt.push_back(trainer->carrier().parameters().front().detach());
    }
    for (const size_t other : {1, 2}) {
      EXPECT_LT(MaxDifference(learnt[0], learnt[other]), 1e-10) << Name(objective);
      for (size_t i = 0; i < runs[0].size(); ++i) {
        EXPECT_NEAR(runs[0][i].loss, runs[other][i].loss, 1e-10) << Name(objective);
        EXPECT_NEAR(runs[0][i].winning_loss, runs[other][i].winning_loss, 1e-10);
        EXPECT_NEAR(runs[0][i].gradient_norm, runs[other][i].gradient_norm, 1e-8);
        EXPECT_EQ(runs[0][i].tokens, runs[other][i].tokens);
      }
    }
  }
}

// The same minibatch twice is twice the gradient, halved.
TEST_F(TrainerTest, AccumulationAveragesMinibatches) {
  const TrainingParams params = Params(SplitParams{});
  const auto once = NewTrainer(CarrierSpecs()[0].second, params);
  const auto twice = NewTrainer(CarrierSpecs()[0].second, params);
  const Minibatch minibatch = {{0, 1, 1, 0.5}, {1, -1, -1, -1.5}};
  const auto one = once->Step({minibatch}), two = twice->Step({minibatch, minibatch});
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NEAR(one->loss, two->loss, 1e-5);
  EXPECT_NEAR(one->gradient_norm, two->gradient_norm, 1e-4);
}

TEST_F(TrainerTest, AdaptersStayApartFromWhatDownProjAdds) {
  TrainingParams params = Params(SftParams{}, 5);
  params.orthogonal = true;
  const CarrierSpec spec = {
      SignalKind::kLora,
      {{{1, SiteKind::kDownProj}, {}}, {{1, SiteKind::kBlockOut}, Read::kBlockOut}},
      2};
  const auto trainer = NewTrainer(spec, params, 1 << 20, at::kDouble);
  RunAll(*trainer);
  const std::vector<at::Tensor>& parameters = trainer->carrier().parameters();
  EXPECT_GT(parameters[1].abs().max().item<double>(), 1e-4);
  EXPECT_LT(parameters[2].matmul(parameters[1]).abs().max().item<double>(), 1e-12);
}

TEST_F(TrainerTest, ADistributionLearnsBothOfItsParts) {
  CarrierSpec spec = {SignalKind::kLowRankAffine, {{{1, SiteKind::kBlockOut}, {}}}, 2};
  spec.distribution = true;
  const auto trainer = NewTrainer(spec, Params(SftParams{}, 40));
  const std::vector<StepReport> reports = RunAll(*trainer);
  EXPECT_LT(MeanOf(reports, 30, 40), MeanOf(reports, 0, 10));
  // By name: R, W, W_sigma, b, b_sigma.
  EXPECT_GT(trainer->carrier().parameters()[2].abs().max().item<double>(), 0);
}

TEST_F(TrainerTest, SwappedPairsTurnTheFirstStepOfDpoAround) {
  std::vector<ContrastPair> swapped = TrainingPairs();
  for (ContrastPair& pair : swapped) std::swap(pair.positive, pair.negative);
  TrainingParams params = Params(DpoParams{}, 1);
  params.schedule = {.batch = 4, .use = PairUse::kAdd, .factors = {1}};
  const CarrierSpec local_weight = CarrierSpecs()[4].second;
  const auto one = NewTrainer(local_weight, params, 1 << 20, at::kDouble);
  const auto other = NewTrainer(local_weight, params, 1 << 20, at::kDouble, swapped);
  const auto report = one->Step();
  ASSERT_TRUE(report.ok() && other->Step().ok());
  EXPECT_NEAR(report->loss, std::log(2), 1e-9);
  for (size_t i = 0; i < one->carrier().parameters().size(); ++i) {
    const at::Tensor a = one->carrier().parameters()[i].detach();
    const at::Tensor b = other->carrier().parameters()[i].detach();
    EXPECT_GT(a.abs().max().item<double>(), 0);
    EXPECT_LT(MaxDifference(a, -b), 1e-9);
  }
}

TEST_F(TrainerTest, TheRateRisesAndFallsAsAsked) {
  const auto rates = [&](Decay decay, int warm_up) {
    TrainingParams params = Params(SftParams{}, 4);
    params.decay = decay;
    params.warm_up_steps = warm_up;
    params.learning_rate = 0.08;
    std::vector<double> rates;
    for (const StepReport& report : RunAll(*NewTrainer(CarrierSpecs()[0].second, params)))
      rates.push_back(std::round(report.learning_rate * 1e6) / 1e6);
    return rates;
  };
  EXPECT_THAT(rates(Decay::kLinear, 0), ElementsAre(0.08, 0.06, 0.04, 0.02));
  EXPECT_THAT(rates(Decay::kLinear, 2), ElementsAre(0, 0.04, 0.08, 0.04));
  EXPECT_THAT(rates(Decay::kCosine, 0), ElementsAre(0.08, 0.068284, 0.04, 0.011716));
  EXPECT_THAT(rates(Decay::kNone, 1), ElementsAre(0, 0.08, 0.08, 0.08));
}

TEST_F(TrainerTest, GradientsAreClippedTogether) {
  TrainingParams params = Params(SplitParams{}, 1);
  params.clip = 0;
  const auto free = NewTrainer(CarrierSpecs()[4].second, params);
  params.clip = 1e-12;  // far below AdamW's epsilon: hardly a step
  const auto clipped = NewTrainer(CarrierSpecs()[4].second, params);
  const auto a = free->Step(), b = clipped->Step();
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->gradient_norm, b->gradient_norm);
  const auto largest = [](const Trainer& trainer) {
    return trainer.carrier().parameters().front().abs().max().item<double>();
  };
  EXPECT_NEAR(largest(*free), 0.02, 1e-4);
  EXPECT_LT(largest(*clipped), 1e-4);
}

TEST_F(TrainerTest, ARunThatDivergesSaysSo) {
  decoder_ = LoadDecoder(RequiredEnv("STEER_TINY_MODEL"));
  const Carrier start =
      WalkedCarrier(CarrierSpecs()[0].second, decoder_->config().shape(), at::kFloat);
  {
    const at::NoGradGuard no_grad;
    start.parameters().front().fill_(3e38);  // and with a factor of 1.5 no float any more
  }
  const auto trainer =
      Trainer::Create(PartsOf(decoder_), start, TrainingPairs(), Params(SftParams{}));
  ASSERT_TRUE(trainer.ok());
  absl::Status status;
  while (status.ok() && !(*trainer)->done()) status = (*trainer)->Step().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("learning_rate"));
}

TEST_F(TrainerTest, AUnitThatFailsEndsTheStep) {
  decoder_ = LoadDecoder(RequiredEnv("STEER_TINY_MODEL"));
  Carrier carrier =
      Carrier::Create(CarrierSpecs()[0].second, decoder_->config().shape(), 5, at::kCPU);
  Trainer::Parts parts = PartsOf(decoder_);
  parts.run_unit = [](const std::function<absl::Status()>&) {
    return absl::UnavailableError("the engine has stopped");
  };
  const auto trainer =
      Trainer::Create(parts, std::move(carrier), TrainingPairs(), Params(SplitParams{}));
  ASSERT_TRUE(trainer.ok());
  EXPECT_EQ((*trainer)->Step().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ((*trainer)->steps_done(), 0);
}

TEST_F(TrainerTest, TrainsBesideABFloat16Model) {
  const auto trainer =
      NewTrainer(CarrierSpecs()[2].second, Params(SplitParams{}, 40), 1 << 20, at::kBFloat16);
  const std::vector<StepReport> reports = RunAll(*trainer);
  EXPECT_LT(MeanOf(reports, 30, 40), MeanOf(reports, 0, 10));
  for (const at::Tensor& parameter : trainer->carrier().parameters())
    EXPECT_EQ(parameter.scalar_type(), at::kFloat);
}

TEST_F(TrainerTest, WhatCannotBeTrainedIsRefused) {
  decoder_ = LoadDecoder(RequiredEnv("STEER_TINY_MODEL"));
  const auto status = [&](TrainingParams params, size_t carrier, std::vector<ContrastPair> pairs) {
    Carrier made =
        Carrier::Create(CarrierSpecs()[carrier].second, decoder_->config().shape(), 5, at::kCPU);
    return Trainer::Create(PartsOf(decoder_), std::move(made), std::move(pairs), params)
        .status()
        .ToString();
  };
  for (const size_t vectors : {0, 1})
    EXPECT_EQ(status(Params(RepsParams{}), vectors, TrainingPairs()), "OK");
  EXPECT_THAT(status(Params(SftParams{}, 0), 0, TrainingPairs()), HasSubstr("steps"));
  EXPECT_THAT(status(Params(SftParams{}), 0, {}), HasSubstr("pairs"));
}

}  // namespace
}  // namespace steer

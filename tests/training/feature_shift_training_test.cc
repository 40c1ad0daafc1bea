// What only a feature shift has while it learns: an autoencoder that stays, and a size of v.

#include "core/learn/objective.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/training/training_texts.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

const CarrierSpec kSpec = {.kind = SignalKind::kFeatureShift,
                           .places = {{{1, SiteKind::kBlockOut}, {}}},
                           .autoencoder = RandomAutoencoder()};

class FeatureShiftTrainingTest : public testing::Test {
 protected:
  std::unique_ptr<Trainer> Trained(double l1, int steps) const {
    const TrainingParams params = {.objective = SimpoParams{.beta = 10, .margin = 5, .l1 = l1},
                                   .schedule = {.batch = 4, .use = PairUse::kAdd},
                                   .steps = steps,
                                   .learning_rate = 0.01};
    auto trainer = Trainer::Create(PartsOf(decoder_),
                                   Carrier::Create(kSpec, decoder_->config().shape(), 5, at::kCPU),
                                   TrainingPairs(), params);
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    while (!(*trainer)->done()) EXPECT_TRUE((*trainer)->Step().ok());
    return *std::move(trainer);
  }
  // The mean of sum |v| over all tokens of the pairs.
  double Size(const Carrier& carrier) const {
    const at::NoGradGuard no_grad;
    const AnswerPass pass(decoder_, carrier.first_layer(), {}, PlainAnswer::kNothing);
    const std::vector<SignalTerm> terms = carrier.Terms(decoder_->dtype());
    double sum = 0;
    for (const ContrastPair& pair : TrainingPairs())
      sum += pass.ShiftSize(pass.Prepare(pair.positive), terms.front()).item<double>();
    return sum;
  }

  const std::shared_ptr<const Decoder> decoder_ = LoadDecoder(RequiredEnv("STEER_TINY_MODEL"));
};

TEST_F(FeatureShiftTrainingTest, TheAutoencoderStaysAsItWas) {
  const std::unique_ptr<Trainer> trainer = Trained(/*l1=*/0, 5);
  const SignalData learnt = trainer->carrier().ToSignal();
  EXPECT_TRUE(Validate(learnt, decoder_->config().shape()).ok());
  const auto& before = kSpec.autoencoder->updates.front().tensors;
  for (const auto& [name, tensor] : learnt.updates.front().tensors) {
    const bool frozen = name != "W_a" && name != "b_a" && name != "tau";
    EXPECT_EQ(tensor.data == before.at(name).data, frozen) << name;
  }
  EXPECT_EQ(learnt.updates.front().tensors.size(), before.size());
  EXPECT_EQ(trainer->carrier().parameters().size(), 3U);
}

TEST_F(FeatureShiftTrainingTest, APenaltyKeepsTheShiftSmall) {
  const double free = Size(Trained(/*l1=*/0, 30)->carrier());
  const double held = Size(Trained(/*l1=*/0.5, 30)->carrier());
  EXPECT_GT(free, 0);
  EXPECT_LT(held, 0.5 * free);
}

// By hand: W_a h + b_a, shrunk by tau, at the positions where it acts.
TEST_F(FeatureShiftTrainingTest, TheSizeIsThatOfTheShrunkShift) {
  const Carrier carrier = WalkedCarrier(kSpec, decoder_->config().shape(), at::kFloat);
  const PositionRule positions = {.exclude_template_head = true};
  const AnswerPass pass(decoder_, carrier.first_layer(), positions, PlainAnswer::kNothing);
  const PreparedAnswer answer = pass.Prepare(TrainingPairs().front().positive);
  const auto term = std::get<FeatureShiftTerm>(carrier.Terms(at::kFloat).front().change);
  double sum = 0;
  const int64_t head = answer.text.layout.head_length, rows = answer.entering.size(0);
  for (int64_t row = head; row < rows; ++row) {
    for (int64_t i = 0; i < term.w_a.size(0); ++i) {
      const double x =
          term.w_a[i].dot(answer.entering[row]).item<double>() + term.b_a[i].item<double>();
      sum += std::max(0.0, std::abs(x) - term.tau[i].item<double>());
    }
  }
  EXPECT_NEAR(pass.ShiftSize(answer, carrier.Terms(at::kFloat).front()).item<double>(),
              sum / static_cast<double>(rows - head), 1e-4);
}

TEST_F(FeatureShiftTrainingTest, GradientsOfTheSizeAreThoseOfItsValues) {
  const std::shared_ptr<const Decoder> decoder =
      LoadDecoder(RequiredEnv("STEER_TINY_MODEL"), at::kDouble);
  const Carrier carrier = WalkedCarrier(kSpec, decoder->config().shape(), at::kDouble);
  const AnswerPass pass(decoder, carrier.first_layer(), {}, PlainAnswer::kNothing);
  const PreparedAnswer answer = pass.Prepare(TrainingPairs().front().positive);
  const auto size = [&] { return pass.ShiftSize(answer, carrier.Terms(at::kDouble).front()); };
  size().backward();
  const at::NoGradGuard no_grad;
  for (const at::Tensor& parameter : carrier.parameters()) {
    const int64_t i = parameter.grad().view(-1).abs().argmax().item<int64_t>();
    at::Tensor value = parameter.view(-1)[i];
    const auto at = [&](double shift) {
      value.add_(shift);
      const double result = size().item<double>();
      value.sub_(shift);
      return result;
    };
    EXPECT_NEAR(parameter.grad().view(-1)[i].item<double>(), (at(1e-6) - at(-1e-6)) / 2e-6, 1e-5);
  }
}

TEST_F(FeatureShiftTrainingTest, WhatHasNoShiftTakesNoPenalty) {
  const TrainingParams params = {.objective = SimpoParams{.l1 = 0.1}};
  EXPECT_TRUE(CheckTrainable(kSpec, params).ok());
  EXPECT_THAT(CheckTrainable(CarrierSpecs().front().second, params).ToString(),
              HasSubstr("simpo.l1"));
}

TEST_F(FeatureShiftTrainingTest, AnAutoencoderIsAskedForAndChecked) {
  const ModelShape shape = decoder_->config().shape();
  CarrierSpec spec = kSpec;
  EXPECT_TRUE(Validate(spec, shape).ok()) << Validate(spec, shape);
  spec.places.front().first.layer = 2;
  EXPECT_THAT(Validate(spec, shape).ToString(), HasSubstr("layers.1.block_out"));
  spec = kSpec;
  spec.autoencoder = nullptr;
  EXPECT_THAT(Validate(spec, shape).ToString(), HasSubstr("autoencoder: got none"));
  spec = CarrierSpecs().front().second;
  spec.autoencoder = kSpec.autoencoder;
  EXPECT_THAT(Validate(spec, shape).ToString(), HasSubstr("autoencoder: got one for a vector"));
}

}  // namespace
}  // namespace steer

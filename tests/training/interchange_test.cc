// CDAS: a clamp learns from answers behind each other's prompts.

#include <cmath>

#include "core/learn/objective.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/training/training_texts.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

// Each answer behind a prompt of its own, and behind the other's.
std::vector<ContrastPair> CrossedPairs() {
  const std::vector<TokenId> head = {1, 40, 41};
  std::vector<ContrastPair> pairs;
  for (TokenId i = 0; i < 4; ++i) {
    std::vector<TokenId> positive = head, negative = head;
    positive.insert(positive.end(), {50 + i, 80, 42});
    negative.insert(negative.end(), {50 + i, 42});
    const std::vector<TokenId> yes = {60 + i, 70, 2}, no = {61 + i, 71, 72, 2};
    pairs.push_back({.positive = TextOf(positive, yes, 3),
                     .negative = TextOf(negative, no, 3),
                     .positive_elsewhere = TextOf(negative, yes, 3),
                     .negative_elsewhere = TextOf(positive, no, 3)});
  }
  return pairs;
}

CarrierSpec ClampSpec(int layer = 1, int rank = 1) {
  return {SignalKind::kClamp, {{{layer, SiteKind::kBlockOut}, {}}}, rank};
}

class InterchangeTest : public testing::Test {
 protected:
  AnswerPass PassOf(const Carrier& carrier, PositionRule positions = {}) const {
    return {decoder_, carrier.first_layer(), positions, PlainAnswer::kTop};
  }
  std::unique_ptr<Trainer> NewTrainer(TrainingParams params, int rank = 1,
                                      std::vector<ContrastPair> held_out = {}) const {
    auto trainer = Trainer::Create(
        PartsOf(decoder_),
        Carrier::Create(ClampSpec(1, rank), decoder_->config().shape(), 5, at::kCPU, at::kDouble),
        CrossedPairs(), std::move(params), std::move(held_out));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }

  const std::shared_ptr<const Decoder> decoder_ =
      LoadDecoder(RequiredEnv("STEER_TINY_MODEL"), at::kDouble);
  const ModelShape shape_ = decoder_->config().shape();
};

TrainingParams Params(int steps) {
  return {.objective = CdasParams{},
          .positions = {.exclude_template_head = true},
          .schedule = {.batch = 4, .factors = {1}},
          .steps = steps,
          .learning_rate = 0.05};
}

// Against the definition, from whole forward passes of both texts.
TEST_F(InterchangeTest, TheDivergenceIsThatOfBothPredictions) {
  const Carrier carrier = WalkedCarrier(ClampSpec(1, 2), shape_, at::kDouble);
  const AnswerPass pass = PassOf(carrier, {.exclude_template_head = true});
  const at::NoGradGuard no_grad;
  const SignalTerm term = carrier.Terms(at::kDouble).front();
  const at::Tensor w = std::get<ClampTerm>(term.change).w;
  for (const ContrastPair& pair : CrossedPairs()) {
    const auto h_of = [&](const ForcedText& text, int end, StepInput& input) {
      const auto count = static_cast<int64_t>(text.tokens.size());
      input.positions = at::arange(count);
      input.sequences.push_back({.row_begin = 0, .count = static_cast<int>(count)});
      return decoder_->Forward(
          input,
          decoder_->Embed(at::tensor(std::vector<int64_t>(text.tokens.begin(), text.tokens.end()))),
          {0, end}, nullptr, ControlPlan());
    };
    StepInput source_input, input;
    at::Tensor source = h_of(pair.positive, 2, source_input);
    at::Tensor h = h_of(*pair.positive_elsewhere, 2, input);
    const at::Tensor a = w.matmul(source[pair.positive.layout.prompt_length - 1]);
    for (int64_t row = 3; row < h.size(0); ++row) h[row].add_(w.t().matmul(a - w.matmul(h[row])));
    const auto probabilities = [&](const at::Tensor& rows, const StepInput& step, int prompt) {
      const at::Tensor top = decoder_->Forward(step, rows, {2, 3}, nullptr, ControlPlan());
      return decoder_->Logits(top.narrow(0, prompt - 1, top.size(0) - prompt)).softmax(-1);
    };
    const at::Tensor p = probabilities(h, input, pair.positive_elsewhere->layout.prompt_length);
    const at::Tensor q = probabilities(source, source_input, pair.positive.layout.prompt_length);
    const at::Tensor m = (p + q) / 2;
    const double expected =
        ((p * (p / m).log() + q * (q / m).log()).sum(1).mean() / 2).item<double>();

    const AnswerPass::Interchanged actual =
        pass.Interchange(pass.Prepare(*pair.positive_elsewhere), pass.Prepare(pair.positive), term);
    EXPECT_NEAR(actual.divergence.item<double>(), expected, 1e-9);
    EXPECT_GT(expected, 0);
    EXPECT_LE(expected, std::log(2));
    double log_prob = 0;
    for (int64_t i = 0; i < p.size(0); ++i)
      log_prob += std::log(
          p[i][pair.positive.tokens[pair.positive.layout.prompt_length + i]].item<double>());
    EXPECT_NEAR(actual.log_prob.item<double>(), log_prob, 1e-9);
  }
}

// At the last block all coordinates of the last prompt token are the whole state that predicts the
// answer's first token.
TEST_F(InterchangeTest, AllCoordinatesAtTheTopAreTheSourceItself) {
  const Carrier carrier = WalkedCarrier(ClampSpec(2, 64), shape_, at::kDouble);
  const AnswerPass pass = PassOf(carrier);
  ContrastPair pair = CrossedPairs().front();
  for (ForcedText* text : {&pair.positive, &*pair.positive_elsewhere})
    text->tokens.resize(text->layout.prompt_length + 1);
  const AnswerPass::Interchanged actual =
      pass.Interchange(pass.Prepare(*pair.positive_elsewhere), pass.Prepare(pair.positive),
                       carrier.Terms(at::kDouble).front());
  EXPECT_NEAR(actual.divergence.item<double>(), 0, 1e-9);
  actual.divergence.backward();
  EXPECT_LT(carrier.parameters().front().grad().abs().max().item<double>(), 1e-6);
}

TEST_F(InterchangeTest, GradientsAreThoseOfTheLoss) {
  for (const int rank : {1, 3}) {
    const Carrier carrier = WalkedCarrier(ClampSpec(1, rank), shape_, at::kDouble);
    const AnswerPass pass = PassOf(carrier);
    const ContrastPair pair = CrossedPairs().front();
    const PreparedAnswer answer = pass.Prepare(*pair.positive_elsewhere);
    const PreparedAnswer source = pass.Prepare(pair.positive);
    const auto loss = [&] {
      return pass.Interchange(answer, source, carrier.Terms(at::kDouble).front()).divergence;
    };
    loss().backward();
    const at::NoGradGuard no_grad;
    const at::Tensor gradient = carrier.parameters().front().grad().view(-1);
    ASSERT_GT(gradient.abs().max().item<double>(), 1e-6);
    for (const int64_t i : {gradient.abs().argmax().item<int64_t>(), gradient.numel() - 1}) {
      at::Tensor value = carrier.parameters().front().view(-1)[i];
      const auto at = [&](double shift) {
        value.add_(shift);
        const double result = loss().item<double>();
        value.sub_(shift);
        return result;
      };
      const double expected = (at(1e-5) - at(-1e-5)) / 2e-5;
      EXPECT_NEAR(gradient[i].item<double>(), expected, 1e-8 + 1e-5 * std::abs(expected));
    }
  }
}

TEST_F(InterchangeTest, LearnsAClampThatPutsRowsWhereTheSourcesAre) {
  TrainingParams params = Params(40);
  params.objective = CdasParams{.target_factor = 1.5};
  const std::unique_ptr<Trainer> trainer = NewTrainer(params, /*rank=*/2);
  double first = 0, last = 0;
  for (int step = 0; step < 40; ++step) {
    const absl::StatusOr<StepReport> report = trainer->Step();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_GT(report->winning_loss, 0);
    EXPECT_FALSE(report->losing_loss);
    (step < 20 ? first : last) += report->loss;
  }
  EXPECT_LT(last, first);

  const SignalData signal = trainer->carrier().ToSignal();
  EXPECT_TRUE(Validate(signal, shape_).ok()) << Validate(signal, shape_);
  const AnswerPass pass = PassOf(trainer->carrier());
  at::Tensor mean = at::zeros({64}, at::kDouble);
  for (const ContrastPair& pair : CrossedPairs())
    mean += pass.Prepare(pair.positive).entering[pair.positive.layout.prompt_length - 1] / 4;
  const auto clamp = std::get<ClampTerm>(trainer->carrier().Terms(at::kDouble).front().change);
  EXPECT_LT(MaxDifference(clamp.a, clamp.w.matmul(mean) * 1.5), 1e-9);
}

TEST_F(InterchangeTest, GoesOnFromACheckpointAsIfItHadNotStopped) {
  const TrainingParams params = Params(6);
  const auto whole = NewTrainer(params), half = NewTrainer(params), rest = NewTrainer(params);
  for (int step = 0; step < 6; ++step) ASSERT_TRUE(whole->Step().ok());
  for (int step = 0; step < 3; ++step) ASSERT_TRUE(half->Step().ok());
  ASSERT_TRUE(rest->Restore(half->Save({})).ok());
  while (!rest->done()) ASSERT_TRUE(rest->Step().ok());
  EXPECT_EQ(SignalId(rest->carrier().ToSignal()), SignalId(whole->carrier().ToSignal()));
}

TEST_F(InterchangeTest, HeldOutPairsAreJudgedUnderTheClamp) {
  const auto trainer = NewTrainer(Params(3), 1, {CrossedPairs()[1], CrossedPairs()[2]});
  ASSERT_TRUE(trainer->Step().ok());
  const absl::StatusOr<HeldOutReport> report = trainer->Judge();
  ASSERT_TRUE(report.ok()) << report.status();
  const AnswerPass pass = PassOf(trainer->carrier(), {.exclude_template_head = true});
  const std::vector<SignalTerm> terms = trainer->carrier().Terms(at::kDouble);
  const at::NoGradGuard no_grad;
  double loss = 0, preference = 0;
  for (const size_t i : {1, 2}) {
    const ContrastPair pair = CrossedPairs()[i];
    // Both behind the prompt that leads to the negative answer.
    const PreparedAnswer positive = pass.Prepare(*pair.positive_elsewhere);
    const PreparedAnswer negative = pass.Prepare(pair.negative);
    loss += pass.Interchange(positive, pass.Prepare(pair.positive), terms.front())
                .divergence.item<double>() /
            2;
    const std::vector<SteeredAnswer> answers = {{&positive, 1}, {&negative, 1}};
    const at::Tensor sums = pass.LogProbs(answers, terms);
    preference += (sums[0] / 3 - sums[1] / 4).item<double>() / 2;
  }
  EXPECT_NEAR(report->loss, loss, 1e-9);
  EXPECT_NEAR(report->preference, preference, 1e-9);
}

TEST_F(InterchangeTest, WhatCannotBeLearntIsRefused) {
  const auto reason = [&](const CarrierSpec& spec, TrainingParams params,
                          std::vector<ContrastPair> pairs) {
    return Trainer::Create(PartsOf(decoder_),
                           Carrier::Create(spec, shape_, 5, at::kCPU, at::kDouble),
                           std::move(pairs), std::move(params))
        .status()
        .ToString();
  };
  EXPECT_EQ(reason(ClampSpec(), Params(1), CrossedPairs()), "OK");
  EXPECT_THAT(reason(ClampSpec(), Params(1), TrainingPairs()),
              HasSubstr("pairs[0].negative_question: got none"));
  std::vector<ContrastPair> merged = CrossedPairs();
  merged[2].positive_elsewhere->tokens.back() = 3;
  EXPECT_THAT(reason(ClampSpec(), Params(1), merged), HasSubstr("pairs[2].negative_question"));
  TrainingParams other = Params(1);
  other.objective = SftParams{};
  EXPECT_THAT(reason(ClampSpec(), other, CrossedPairs()),
              HasSubstr("objective: got sft of a clamp"));
  EXPECT_THAT(reason(CarrierSpecs().front().second, Params(1), CrossedPairs()),
              HasSubstr("objective: got cdas of a vector"));
  other = Params(1);
  other.schedule.factors = {2, 4};
  EXPECT_THAT(reason(ClampSpec(), other, CrossedPairs()), HasSubstr("factors"));
}

}  // namespace
}  // namespace steer

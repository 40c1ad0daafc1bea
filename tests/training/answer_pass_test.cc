#include "core/learn/answer_pass.h"

#include "core/learn/objective.h"
#include "gtest/gtest.h"
#include "tests/training/training_texts.h"

namespace steer {
namespace {

constexpr PositionRule kBehindHead = {.exclude_template_head = true};

// In fp64, so that other orders of the same sums are told from mistakes.
class AnswerPassTest : public testing::Test {
 protected:
  AnswerPass PassOf(const Carrier& carrier, PositionRule positions,
                    PlainAnswer plain = PlainAnswer::kNothing) const {
    return {decoder_, carrier.first_layer(), positions, plain};
  }

  std::vector<PreparedAnswer> Prepared(const AnswerPass& pass) const {
    std::vector<PreparedAnswer> answers;
    for (const ContrastPair& pair : TrainingPairs()) {
      answers.push_back(pass.Prepare(pair.positive));
      answers.push_back(pass.Prepare(pair.negative));
    }
    return answers;
  }

  // The same by the whole decoder, every text by itself.
  double Reference(const ForcedText& text, const Carrier& carrier, double factor,
                   PositionRule positions) const {
    const SignalData data = carrier.ToSignal();
    const at::Tensor logits =
        DecoderHarness(decoder_)
            .Full(
                {{text.tokens, {Entry(data, factor, factor, positions, at::kDouble)}, text.layout}})
            .front();
    return AnswerLogProb(logits.log_softmax(-1), text);
  }
  static double AnswerLogProb(const at::Tensor& log_probs, const ForcedText& text) {
    double sum = 0;
    for (size_t p = text.layout.prompt_length; p < text.tokens.size(); ++p)
      sum += log_probs.index({static_cast<int64_t>(p) - 1, text.tokens[p]}).item<double>();
    return sum;
  }

  const std::shared_ptr<const Decoder> decoder_ =
      LoadDecoder(RequiredEnv("STEER_TINY_MODEL"), at::kDouble);
  const ModelShape shape_ = decoder_->config().shape();
};

TEST_F(AnswerPassTest, GivesWhatTheWholeDecoderGives) {
  for (const auto& [name, spec] : CarrierSpecs()) {
    // Signals are fp32: so is what the reference is given.
    const Carrier carrier =
        Carrier::Of(WalkedCarrier(spec, shape_, at::kFloat).ToSignal(), at::kCPU, at::kDouble);
    for (const PositionRule& positions :
         {PositionRule{}, kBehindHead, PositionRule{.prompt = false}}) {
      const AnswerPass pass = PassOf(carrier, positions);
      const std::vector<PreparedAnswer> prepared = Prepared(pass);
      // Steered alike, so that prompts are shared, and apart; one not at all.
      const std::vector<double> factors = {2, 2, 1, -0.5, 0, 0, 0.25, 0.25};
      std::vector<SteeredAnswer> answers;
      for (size_t i = 0; i < prepared.size(); ++i)
        answers.push_back({.answer = &prepared[i], .factor = factors[i]});
      const at::Tensor sums = pass.LogProbs(answers, carrier.Terms(at::kDouble));
      ASSERT_EQ(sums.scalar_type(), at::kDouble);
      for (size_t i = 0; i < answers.size(); ++i) {
        EXPECT_NEAR(sums.index({static_cast<int64_t>(i)}).item<double>(),
                    Reference(prepared[i].text, carrier, factors[i], positions), 1e-6)
            << name << ", answer " << i;
      }
    }
  }
}

TEST_F(AnswerPassTest, RunsNoPositionTwiceThatIsTheSame) {
  const Carrier carrier = WalkedCarrier(CarrierSpecs().front().second, shape_, at::kDouble);
  const AnswerPass pass = PassOf(carrier, kBehindHead);
  const std::vector<PreparedAnswer> prepared = Prepared(pass);
  const auto rows = [&](double positive, double negative) {
    const std::vector<SteeredAnswer> answers = {{&prepared[0], positive}, {&prepared[1], negative}};
    return pass.Rows(answers);
  };
  // Three of the head, three of the prompt, and of the answers two and three behind the first
  // token, which they share: the last token predicts nothing.
  EXPECT_EQ(rows(1, 2), 3 + 2 * (3 + 1) + 1 + 2);
  EXPECT_EQ(rows(1, 1), 3 + 3 + 1 + 1 + 2);
}

TEST_F(AnswerPassTest, NullOutTakesAwayWhatPointsAlongTheVector) {
  const Carrier carrier = WalkedCarrier(CarrierSpecs().front().second, shape_, at::kDouble);
  const AnswerPass pass = PassOf(carrier, kBehindHead);
  const std::vector<PreparedAnswer> prepared = Prepared(pass);
  std::vector<SteeredAnswer> answers;
  for (const PreparedAnswer& answer : prepared)
    answers.push_back({.answer = &answer, .null_out = true});
  const at::Tensor sums = pass.LogProbs(answers, carrier.Terms(at::kDouble));

  const at::NoGradGuard no_grad;
  const at::Tensor v = carrier.parameters().front();
  int taken = 0;
  for (size_t i = 0; i < prepared.size(); ++i) {
    const ForcedText& text = prepared[i].text;
    const auto count = static_cast<int64_t>(text.tokens.size());
    StepInput input;
    input.positions = at::arange(count);
    input.sequences.push_back({.row_begin = 0, .count = static_cast<int>(count)});
    const at::Tensor tokens =
        at::tensor(std::vector<int64_t>(text.tokens.begin(), text.tokens.end()));
    at::Tensor h =
        decoder_->Forward(input, decoder_->Embed(tokens), {0, 2}, nullptr, ControlPlan());
    for (int64_t p = text.layout.head_length; p < count; ++p) {
      const double along = h[p].dot(v).item<double>();
      if (along <= 0) continue;
      ++taken;
      h[p].sub_(v * (along / v.square().sum().item<double>()));
      EXPECT_NEAR(h[p].dot(v).item<double>(), 0, 1e-12);
    }
    h = decoder_->Forward(input, h, {2, decoder_->config().layers}, nullptr, ControlPlan());
    EXPECT_NEAR(sums.index({static_cast<int64_t>(i)}).item<double>(),
                AnswerLogProb(decoder_->Logits(h).log_softmax(-1), text), 1e-9)
        << i;
  }
  EXPECT_GT(taken, 3) << "else the case says nothing";
}

TEST_F(AnswerPassTest, PreparesWhatThePlainModelSays) {
  const Carrier carrier = WalkedCarrier(CarrierSpecs().front().second, shape_, at::kDouble);
  const AnswerPass pass = PassOf(carrier, kBehindHead, PlainAnswer::kLogProb);
  for (const PreparedAnswer& answer : Prepared(pass)) {
    const std::vector<SteeredAnswer> unsteered = {{&answer, 0}};
    EXPECT_NEAR(answer.plain_log_prob, pass.LogProbs(unsteered, {}).item<double>(), 1e-9);
  }
}

// What an objective is at these tensors of the carrier.
at::Tensor ObjectiveAt(const Objective& objective, const AnswerPass& pass,
                       const std::vector<PreparedAnswer>& prepared, const Carrier& carrier) {
  std::vector<SteeredAnswer> answers;
  std::vector<double> tokens, plain;
  const bool reps_of_vector =
      std::holds_alternative<RepsParams>(objective) && carrier.spec().kind == SignalKind::kVector;
  for (size_t i = 0; i < prepared.size(); ++i) {
    // Some pairs lose what they won before, with the factor's sign turned or nulled out.
    const bool negative = i / 2 % 2 == 1;
    answers.push_back({.answer = &prepared[negative ? i ^ 1U : i],
                       .factor = negative ? -0.5 : 0.5 + 0.25 * static_cast<double>(i),
                       .null_out = negative && reps_of_vector});
    const ForcedText& text = answers.back().answer->text;
    tokens.push_back(static_cast<double>(text.tokens.size()) - text.layout.prompt_length);
    plain.push_back(answers.back().answer->plain_log_prob);
  }
  const at::Tensor sums = pass.LogProbs(answers, carrier.Terms(at::kDouble)).view({-1, 2});
  const at::Tensor counts = at::tensor(tokens, at::dtype(at::kDouble)).view({-1, 2});
  const at::Tensor reference = at::tensor(plain, at::dtype(at::kDouble)).view({-1, 2});
  // Of three pairs and more, what weighs them depends on their losses and has no gradient.
  const int64_t count = NeedsDistance(objective) ? 2 : sums.size(0);
  const auto column = [count](const at::Tensor& table, int64_t which) {
    return table.narrow(0, 0, count).select(1, which);
  };
  return Loss(objective, {.winning = column(sums, 0),
                          .losing = column(sums, 1),
                          .winning_tokens = column(counts, 0),
                          .losing_tokens = column(counts, 1),
                          .plain_winning = column(reference, 0),
                          .plain_losing = column(reference, 1),
                          .distance = at::arange(1, count + 1, at::dtype(at::kDouble))});
}

// What a distribution draws is the same at every value of its tensors.
TEST_F(AnswerPassTest, GradientsOfADistributionAreThoseOfItsDraw) {
  CarrierSpec spec = {SignalKind::kLowRankAffine, {{{1, SiteKind::kBlockOut}, {}}}, 2};
  spec.distribution = true;
  const Carrier carrier = WalkedCarrier(spec, shape_, at::kDouble);
  {
    // Away from where sigma is held.
    const at::NoGradGuard no_grad;
    carrier.parameters()[2].mul_(0.001);
  }
  const AnswerPass pass = PassOf(carrier, kBehindHead);
  const PreparedAnswer answer = pass.Prepare(TrainingPairs().front().positive);
  const std::vector<SteeredAnswer> steered = {{&answer, 1}};
  const auto log_prob = [&] {
    return pass.LogProbs(steered, carrier.Terms(at::kDouble, {.seed = 3})).sum();
  };
  log_prob().backward();
  const at::NoGradGuard no_grad;
  for (const at::Tensor& parameter : carrier.parameters()) {
    const at::Tensor gradient = parameter.grad().view(-1);
    const int64_t i = gradient.abs().argmax().item<int64_t>();
    ASSERT_GT(gradient[i].abs().item<double>(), 1e-7);
    at::Tensor value = parameter.view(-1)[i];
    const auto at = [&](double shift) {
      value.add_(shift);
      const double result = log_prob().item<double>();
      value.sub_(shift);
      return result;
    };
    const double expected = (at(1e-5) - at(-1e-5)) / 2e-5;
    EXPECT_NEAR(gradient[i].item<double>(), expected, 1e-7 + 1e-5 * std::abs(expected));
  }
}

// Every objective with every carrier, against central differences.
TEST_F(AnswerPassTest, GradientsAreThoseOfTheLoss) {
  for (const auto& [name, spec] : CarrierSpecs()) {
    const Carrier carrier = WalkedCarrier(spec, shape_, at::kDouble);
    const AnswerPass pass = PassOf(carrier, kBehindHead, PlainAnswer::kLogProb);
    const std::vector<PreparedAnswer> prepared = Prepared(pass);
    for (const Objective& objective :
         {Objective(SftParams{}), Objective(SplitParams{.reference_weight = 0.3}),
          Objective(SplitParams{.per_pair = true}), Objective(RepsParams{}),
          Objective(DpoParams{.beta = 1}), Objective(DpoParams{.beta = 1, .hardness_aware = true}),
          Objective(SimpoParams{})}) {
      for (at::Tensor parameter : carrier.parameters()) parameter.mutable_grad() = at::Tensor();
      ObjectiveAt(objective, pass, prepared, carrier).backward();
      const at::NoGradGuard no_grad;
      for (size_t p = 0; p < carrier.parameters().size(); ++p) {
        at::Tensor parameter = carrier.parameters()[p];
        ASSERT_TRUE(parameter.grad().defined()) << name << " " << Name(objective);
        const at::Tensor gradient = parameter.grad().view(-1);
        at::Tensor values = parameter.view(-1);
        // The coordinate that matters most, and two others.
        const int64_t largest = gradient.abs().argmax().item<int64_t>();
        ASSERT_GT(gradient[largest].abs().item<double>(), 1e-7) << name << " " << Name(objective);
        for (const int64_t i : {largest, values.numel() / 3, values.numel() - 1}) {
          const double before = values[i].item<double>();
          const auto at = [&](double value) {
            values[i].fill_(value);
            return ObjectiveAt(objective, pass, prepared, carrier).item<double>();
          };
          const double step = 1e-5;
          const double expected = (at(before + step) - at(before - step)) / (2 * step);
          values[i].fill_(before);
          EXPECT_NEAR(gradient[i].item<double>(), expected, 1e-7 + 1e-5 * std::abs(expected))
              << name << ", " << Name(objective) << ", parameter " << p << " at " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace steer

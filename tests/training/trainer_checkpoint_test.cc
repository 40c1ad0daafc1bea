// Where a trainer goes on, and what held-out pairs say of it.

#include <cmath>
#include <numeric>

#include "core/analysis/odds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/training/training_texts.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

TrainingParams Params(Objective objective, double dropout = 0.2) {
  return {.objective = objective,
          .positions = {.exclude_template_head = true},
          .schedule = {.batch = 2, .factors = {0.5, 1.5}},
          .steps = 12,
          .learning_rate = 0.02,
          .dropout = dropout};
}

class TrainerCheckpointTest : public testing::Test {
 protected:
  std::unique_ptr<Trainer> NewTrainer(const CarrierSpec& spec, const TrainingParams& params,
                                      std::vector<ContrastPair> held_out = {},
                                      int unit_rows = 1 << 20) {
    auto trainer = Trainer::Create(PartsOf(decoder_, unit_rows),
                                   Carrier::Create(spec, decoder_->config().shape(), 5, at::kCPU),
                                   TrainingPairs(), params, std::move(held_out));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }
  static void Run(Trainer& trainer, int steps) {
    for (int i = 0; i < steps; ++i) ASSERT_TRUE(trainer.Step().ok());
  }

  const std::shared_ptr<const Decoder> decoder_ =
      LoadDecoder(RequiredEnv("STEER_TINY_MODEL"), at::kFloat);
};

TEST_F(TrainerCheckpointTest, ARunThatWasCutGoesOnBitForBit) {
  for (const auto& [name, spec] : CarrierSpecs()) {
    TrainingParams params = Params(SplitParams{});
    // Others have no components of their own to leave out.
    if (!IsAffine(spec.kind) && spec.kind != SignalKind::kBottleneck) params.dropout = 0;
    const auto whole = NewTrainer(spec, params);
    Run(*whole, 12);
    const auto cut = NewTrainer(spec, params);
    Run(*cut, 5);
    const std::string file = cut->Save({{"note", "kept"}});
    const auto rest = NewTrainer(spec, params);
    const absl::StatusOr<Trainer::Notes> notes = rest->Restore(file);
    ASSERT_TRUE(notes.ok()) << notes.status();
    EXPECT_EQ(*notes, (Trainer::Notes{{"note", "kept"}}));
    EXPECT_EQ(rest->steps_done(), 5);
    EXPECT_EQ(rest->Save({{"note", "kept"}}), file) << name;
    Run(*rest, 7);
    EXPECT_EQ(SignalId(rest->carrier().ToSignal()), SignalId(whole->carrier().ToSignal())) << name;
  }
}

TEST_F(TrainerCheckpointTest, ACheckpointBeforeTheFirstStepHasNoMoments) {
  const CarrierSpec spec = CarrierSpecs()[0].second;
  const auto fresh = NewTrainer(spec, Params(SftParams{}));
  const auto rest = NewTrainer(spec, Params(SftParams{}));
  ASSERT_TRUE(rest->Restore(fresh->Save({})).ok());
  Run(*fresh, 3);
  Run(*rest, 3);
  EXPECT_EQ(rest->Save({}), fresh->Save({}));
}

TEST_F(TrainerCheckpointTest, OtherFilesAreRefusedAndChangeNothing) {
  const auto vector = NewTrainer(CarrierSpecs()[0].second, Params(SftParams{}));
  const auto lora = NewTrainer(CarrierSpecs()[2].second, Params(SftParams{}));
  TrainingParams longer = Params(SftParams{});
  longer.steps = 20;
  const auto late = NewTrainer(CarrierSpecs()[0].second, longer);
  Run(*late, 13);
  const std::string before = vector->Save({});
  for (const std::string& file : {std::string("no safetensors"), lora->Save({}), late->Save({})}) {
    EXPECT_TRUE(absl::IsInvalidArgument(vector->Restore(file).status()));
    EXPECT_EQ(vector->Save({}), before);
  }
}

TEST_F(TrainerCheckpointTest, TheBestComesBackAlsoFromACheckpoint) {
  const CarrierSpec spec = CarrierSpecs()[0].second;
  const auto trainer = NewTrainer(spec, Params(SftParams{}));
  Run(*trainer, 2);
  const std::string best = SignalId(trainer->carrier().ToSignal());
  trainer->KeepBest();
  Run(*trainer, 2);
  const auto rest = NewTrainer(spec, Params(SftParams{}));
  ASSERT_TRUE(rest->Restore(trainer->Save({})).ok());
  rest->TakeBest();
  EXPECT_EQ(SignalId(rest->carrier().ToSignal()), best);
  trainer->TakeBest();
  EXPECT_EQ(SignalId(trainer->carrier().ToSignal()), best);
}

// Against the losses of the answers, pair by pair, worked out without the trainer.
TEST_F(TrainerCheckpointTest, HeldOutPairsAreJudgedAtTheMeanFactorWithBothSigns) {
  const CarrierSpec spec = CarrierSpecs()[2].second;  // a LoRA, which acts with either sign alike
  const std::vector<ContrastPair> held_out = {TrainingPairs()[0], TrainingPairs()[2]};
  for (const PairUse use : {PairUse::kBoth, PairUse::kAdd, PairUse::kSubtract}) {
    TrainingParams params = Params(SftParams{});
    params.schedule.use = use;
    const auto trainer = NewTrainer(spec, params, held_out);
    Run(*trainer, 3);
    const absl::StatusOr<HeldOutReport> report = trainer->Judge();
    ASSERT_TRUE(report.ok()) << report.status();

    AnswerPass pass(decoder_, spec.places.front().first.layer, params.positions,
                    PlainAnswer::kNothing);
    const std::vector<SignalTerm> terms = trainer->carrier().Terms(at::kFloat);
    const auto loss = [&](const ForcedText& text, double factor) {
      const PreparedAnswer answer = pass.Prepare(text);
      const at::NoGradGuard no_grad;
      const std::vector<SteeredAnswer> one = {{.answer = &answer, .factor = factor}};
      return -pass.LogProbs(one, terms).item<double>();
    };
    std::vector<PairOdds> odds;
    double sum = 0, tokens = 0;
    for (const ContrastPair& pair : held_out) {
      for (const double factor : {1.0, -1.0}) {
        if (use == (factor > 0 ? PairUse::kSubtract : PairUse::kAdd)) continue;
        const ForcedText& winning = factor > 0 ? pair.positive : pair.negative;
        const ForcedText& losing = factor > 0 ? pair.negative : pair.positive;
        const auto count = [](const ForcedText& text) {
          return static_cast<double>(text.tokens.size()) - text.layout.prompt_length;
        };
        sum += loss(winning, factor);
        tokens += count(winning);
        odds.push_back(ComputeOdds(loss(winning, factor) / count(winning),
                                   loss(losing, factor) / count(losing)));
      }
    }
    EXPECT_EQ(report->step, 3);
    EXPECT_NEAR(report->loss, sum / tokens, 1e-5);
    EXPECT_NEAR(report->preference, Summarise(odds).preference, 1e-5);
    ASSERT_TRUE(report->utility);
    EXPECT_NEAR(*report->utility, *Summarise(odds).utility, 1e-5);
  }
}

TEST_F(TrainerCheckpointTest, JudgingInPiecesChangesNothing) {
  const CarrierSpec spec = CarrierSpecs()[0].second;
  std::vector<HeldOutReport> reports;
  std::vector<std::string> learnt;
  for (const int unit_rows : {1 << 20, 0}) {
    const auto trainer = NewTrainer(spec, Params(RepsParams{}), TrainingPairs(), unit_rows);
    Run(*trainer, 2);
    const auto without = NewTrainer(spec, Params(RepsParams{}), {}, unit_rows);
    Run(*without, 2);
    reports.push_back(*trainer->Judge());
    // Nor does it the signal.
    EXPECT_EQ(SignalId(trainer->carrier().ToSignal()), SignalId(without->carrier().ToSignal()));
  }
  EXPECT_NEAR(reports[0].loss, reports[1].loss, 1e-5);
  EXPECT_NEAR(reports[0].preference, reports[1].preference, 1e-5);
  EXPECT_THAT(std::string(NewTrainer(spec, Params(SftParams{}))->Judge().status().message()),
              HasSubstr("held_out"));
}

}  // namespace
}  // namespace steer

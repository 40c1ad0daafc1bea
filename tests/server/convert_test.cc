#include "server/convert.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/convert_fixture.h"

namespace steer {
namespace {

TEST(ConvertTest, AScoreHasNoChanges) {
  ExpectInvalid(ToScoreSpecs(Parse<v1::ScoreRequest>(R"pb(
                  pairs { question: "q" positive: "p" negative: "n" }
                  controls { signal: "calm" }
                  controls {
                    signal: "loud"
                    changes { position: 1 }
                  })pb")),
                "controls[1].changes", "only Generate");
}

TEST(ConvertTest, APromptIsExactlyOneThing) {
  ExpectInvalid(ToGenerateSpec(v1::GenerateRequest()), "prompt", "chat, text and tokens");
  ExpectInvalid(ToPromptSpec(Parse<v1::Prompt>("chat {}")), "prompt.chat.messages", "at least one");
  ExpectInvalid(ToPromptSpec(Parse<v1::Prompt>("tokens {}")), "prompt.tokens.ids", "at least one");
  EXPECT_EQ(ToPromptSpec(Parse<v1::Prompt>("tokens { ids: 4 ids: 5 }"))->token_ids,
            (std::vector<TokenId>{4, 5}));
  // An empty text is a text; whether the model can continue it is for admission to say.
  EXPECT_EQ(ToPromptSpec(Parse<v1::Prompt>("text: ''"))->text, "");
}

TEST(ConvertTest, BadUtf8IsNamedByOffset) {
  ExpectInvalid(ToPromptSpec(Parse<v1::Prompt>(R"(text: "caf\303")")), "prompt.text",
                "byte 0xc3 at offset 3");
  ExpectInvalid(ToPromptSpec(Parse<v1::Prompt>(
                    R"(chat { messages { content: "ok" } messages { content: "\377" } })")),
                "prompt.chat.messages[1].content", "byte 0xff at offset 0");
  ExpectInvalid(ToGenerateSpec(Parse<v1::GenerateRequest>(
                    R"(prompt { text: "a" } sampling { stop: "x" stop: "ab\300\200" })")),
                "sampling.stop[1]", "byte 0xc0 at offset 2");
  ExpectInvalid(ToScoreSpecs(Parse<v1::ScoreRequest>(
                    R"(pairs { question: "q" positive: "p" negative: "n\355\240\200" })")),
                "pairs[0].negative", "byte 0xed at offset 1");
  ExpectInvalid(ToScoreSpecs(Parse<v1::ScoreRequest>(
                    R"(pairs { question: "q" positive: "p" negative: "n" } system: "\200")")),
                "system", "offset 0");
}

TEST(ConvertTest, MultipliersAreFinite) {
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    v1::GenerateRequest request;
    request.mutable_prompt()->set_text("a");
    request.add_controls()->set_signal("calm");
    request.add_controls()->set_signal("loud");
    request.mutable_controls(1)->set_multiplier(bad);
    ExpectInvalid(ToGenerateSpec(request), "controls[1].multiplier", "a finite number");
    request.mutable_controls(1)->clear_multiplier();
    request.mutable_controls(1)->set_bias_multiplier(bad);
    ExpectInvalid(ToGenerateSpec(request), "controls[1].bias_multiplier", "a finite number");
    auto score = Parse<v1::ScoreRequest>(R"(pairs { question: "q" positive: "p" negative: "n" })");
    score.add_multipliers(1);
    score.add_multipliers(bad);
    ExpectInvalid(ToScoreSpecs(score), "multipliers[1]", "a finite number");
  }
}

TEST(ConvertTest, CountsHaveLimits) {
  v1::GenerateRequest request;
  request.mutable_prompt()->set_text("a");
  for (int i = 0; i < 65; ++i) request.add_controls()->set_signal("s");
  ExpectInvalid(ToGenerateSpec(request), "controls", "65 entries");
  request.mutable_controls()->RemoveLast();
  request.mutable_controls(3)->clear_signal();
  ExpectInvalid(ToGenerateSpec(request), "controls[3].signal", "id or alias");

  ExpectInvalid(ToScoreSpecs(v1::ScoreRequest()), "pairs", "0 entries");
  v1::ScoreRequest score;
  for (int i = 0; i < 10001; ++i) score.add_pairs()->set_positive("p");
  ExpectInvalid(ToScoreSpecs(score), "pairs", "10001 entries");
  score.mutable_pairs()->DeleteSubrange(1, 10000);
  ExpectInvalid(ToScoreSpecs(score), "pairs[0].negative", "not empty");
  score.mutable_pairs(0)->set_negative("n");
  for (int i = 0; i < 1001; ++i) score.add_multipliers(1);
  ExpectInvalid(ToScoreSpecs(score), "multipliers", "1001 entries");
}

TEST(ConvertTest, AScoreWithoutMultipliersIsAtOne) {
  const auto spec = ToScoreSpecs(
      Parse<v1::ScoreRequest>(R"(pairs { question: "q" positive: "p" negative: "n" })"));
  ASSERT_TRUE(spec.ok());
  ASSERT_EQ(spec->size(), 1U);
  EXPECT_EQ(spec->front().multipliers, std::vector<double>{1});
  EXPECT_TRUE(spec->front().both_spellings);
  EXPECT_FALSE(spec->front().end_of_turn.has_value());
}

TEST(ConvertTest, AJobNamesItsLearner) {
  const std::string pairs = R"(pairs { question: "q" positive: "p" negative: "n" })";
  ExpectInvalid(ToLearnSpec(Parse<v1::StartJobRequest>(pairs)), "learner", "extraction");
  ExpectInvalid(ToLearnSpec(Parse<v1::StartJobRequest>(
                    pairs + "extraction { difference_of_means {} } alias: 'a b'")),
                "alias", "[A-Za-z0-9._/-]");
}

absl::StatusOr<ExtractionSpec> ToExtractionSpec(const std::string& extraction) {
  const auto spec = ToLearnSpec(Parse<v1::StartJobRequest>(
      "pairs { question: 'q' positive: 'p' negative: 'n' } extraction { " + extraction + " }"));
  if (!spec.ok()) return spec.status();
  return std::get<ExtractionSpec>(spec->learner);
}

TEST(ConvertTest, ExtractionIsADifferenceOfAnswerMeansWhereNothingElseIsSaid) {
  const auto plain = ToExtractionSpec("difference_of_means {}");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_TRUE(std::holds_alternative<DifferenceOfMeansParams>(plain->params.method));
  EXPECT_EQ(plain->params.reading, Reading::kAnswerMean);
  EXPECT_EQ(plain->params.normalisation, Normalisation::kNone);
  EXPECT_LT(plain->layer, 0);
  EXPECT_EQ(ToExtractionSpec("difference_of_means {} layer: 0")->layer, 0);
  EXPECT_EQ(std::get<LinearProbeParams>(ToExtractionSpec("linear_probe {}")->params.method).l2,
            LinearProbeParams().l2);
  EXPECT_FALSE(
      std::get<PrincipalComponentParams>(ToExtractionSpec("principal_component {}")->params.method)
          .centred);
}

TEST(ConvertTest, ExtractionTakesWhatIsSaid) {
  const std::pair<const char*, Reading> readings[] = {
      {"ANSWER_MEAN", Reading::kAnswerMean}, {"ANSWER_FIRST", Reading::kAnswerFirst},
      {"ANSWER_LAST", Reading::kAnswerLast}, {"ANSWER_LETTER", Reading::kAnswerLetter},
      {"TEXT_MEAN", Reading::kTextMean},     {"PROMPT_LAST", Reading::kPromptLast}};
  for (const auto& [name, reading] : readings) {
    const auto spec = ToExtractionSpec(absl::StrCat("linear_probe { l2: 0.5 } reading: ", name));
    EXPECT_EQ(spec->params.reading, reading) << name;
    EXPECT_EQ(std::get<LinearProbeParams>(spec->params.method).l2, 0.5);
  }
  const std::string component = "principal_component { centred: true } normalisation: ";
  EXPECT_EQ(ToExtractionSpec(component + "UNIT")->params.normalisation, Normalisation::kUnit);
  const auto spec = ToExtractionSpec(component + "ACTIVATION_NORM");
  EXPECT_EQ(spec->params.normalisation, Normalisation::kActivationNorm);
  EXPECT_TRUE(std::get<PrincipalComponentParams>(spec->params.method).centred);
}

TEST(ConvertTest, AKvDifferenceHasThePublishedNumbersWhereNothingElseIsSaid) {
  const auto kv = [](const char* text) {
    return std::get<KvDifferenceParams>(ToExtractionSpec(text)->params.method);
  };
  EXPECT_EQ(kv("kv_difference {}").first_layer, 1);
  EXPECT_EQ(kv("kv_difference {}").key_factor, 0);
  EXPECT_EQ(kv("kv_difference { first_layer: 0 }").first_layer, 0);
  EXPECT_EQ(kv("kv_difference { key_factor: 0.1 }").key_factor, 0.1);
}

TEST(ConvertTest, ExtractionRefusesWhatItDoesNotKnow) {
  ExpectInvalid(ToExtractionSpec("layer: 1"), "extraction.method", "principal_component");
  ExpectInvalid(ToExtractionSpec("difference_of_means {} layer: -1"), "extraction.layer",
                "counted from 0");
  // Values of a newer client's enums.
  v1::StartJobRequest request = Parse<v1::StartJobRequest>(
      "pairs { question: 'q' positive: 'p' negative: 'n' } extraction { linear_probe {} }");
  request.mutable_extraction()->set_reading(static_cast<v1::Extraction::Reading>(9));
  ExpectInvalid(ToLearnSpec(request), "extraction.reading", "ANSWER_LETTER");
  request.mutable_extraction()->set_reading(v1::Extraction::ANSWER_LAST);
  request.mutable_extraction()->set_normalisation(static_cast<v1::Extraction::Normalisation>(-1));
  ExpectInvalid(ToLearnSpec(request), "extraction.normalisation", "ACTIVATION_NORM");
}

absl::StatusOr<LearnSpec> ToTrainSpec(const std::string& training) {
  return ToLearnSpec(Parse<v1::StartJobRequest>(
      "pairs { question: 'q' positive: 'p' negative: 'n' } training { " + training + " }"));
}

TEST(ConvertTest, TrainingHasThePublishedValuesWhereNothingIsSaid) {
  const TrainSpec vector = std::get<TrainSpec>(ToTrainSpec("kind: 'vector' split {}")->learner);
  EXPECT_TRUE(vector.carrier.places.empty());
  EXPECT_EQ(vector.params.schedule.factors.front(), 2);
  EXPECT_EQ(vector.params.schedule.factors.back(), 20);
  EXPECT_EQ(vector.params.learning_rate, 0.08);
  EXPECT_EQ(vector.params.schedule.use, PairUse::kBoth);
  EXPECT_EQ(vector.epochs, 2);
  EXPECT_FALSE(vector.positions.has_value());
  const auto& split = std::get<SplitParams>(vector.params.objective);
  EXPECT_EQ(split.lambda_n, 0.5);
  EXPECT_EQ(split.theta, 0.4);
  const TrainSpec lora = std::get<TrainSpec>(ToTrainSpec("kind: 'lora' sft {}")->learner);
  EXPECT_EQ(lora.params.schedule.factors.back(), 2);
  EXPECT_EQ(lora.params.learning_rate, 0.01);
  EXPECT_EQ(lora.carrier.rank, 4);
  const TrainSpec dpo = std::get<TrainSpec>(ToTrainSpec("kind: 'lora' dpo {}")->learner);
  EXPECT_EQ(dpo.params.schedule.factors, std::vector<double>{1});
}

TEST(ConvertTest, TrainingTakesWhatIsSaid) {
  const TrainSpec spec = std::get<TrainSpec>(ToTrainSpec(R"(
      reps { beta: 2 kappa: 0.5 } kind: "local_weight" places { site: "layers.1.block_out" read: "mlp_in" }
      positions { prompt: false } use: ADD factors: [0.5, 1] steps: 7 batch: 3 accumulation: 2
      learning_rate: 0.5 warm_up_steps: 2 decay: COSINE weight_decay: 0.1 clip: 0 dropout: 0.1 seed: 9
      end_of_turn: false)")
                                                 ->learner);
  EXPECT_EQ(std::get<RepsParams>(spec.params.objective).kappa, 0.5);
  EXPECT_EQ(spec.carrier.kind, SignalKind::kLocalWeight);
  ASSERT_EQ(spec.carrier.places.size(), 1U);
  EXPECT_EQ(spec.carrier.places[0].second, Read::kMlpIn);
  EXPECT_FALSE(spec.positions->prompt);
  EXPECT_EQ(spec.params.schedule.use, PairUse::kAdd);
  EXPECT_EQ(spec.params.schedule.factors, (std::vector<double>{0.5, 1}));
  EXPECT_EQ(spec.params.schedule.batch, 3);
  EXPECT_EQ(spec.params.schedule.accumulation, 2);
  EXPECT_EQ(spec.params.schedule.seed, 9U);
  EXPECT_FALSE(spec.epochs.has_value());
  EXPECT_EQ(spec.params.steps, 7);
  EXPECT_EQ(spec.params.warm_up_steps, 2);
  EXPECT_EQ(spec.params.decay, Decay::kCosine);
  EXPECT_EQ(spec.params.clip, 0);
  EXPECT_EQ(spec.params.dropout, 0.1);
  EXPECT_EQ(spec.end_of_turn, false);
}

TEST(ConvertTest, TrainingNamesWhatCannotBe) {
  ExpectInvalid(ToTrainSpec("kind: 'vector'"), "training.objective", "sft, split");
  ExpectInvalid(ToTrainSpec("sft {}"), "training.kind", "vector");
  ExpectInvalid(ToTrainSpec("sft {} kind: 'vector' places { site: 'layers.1' }"),
                "training.places[0].site", "block_out");
  ExpectInvalid(ToTrainSpec("sft {} kind: 'lora' places { site: 'layers.1.block_out' read: 'x' }"),
                "training.places[0].read", "mlp_mid");
  ExpectInvalid(ToTrainSpec("sft {} kind: 'vector' epochs: 0"), "training.epochs", "above 0");
  ExpectInvalid(ToTrainSpec("sft {} kind: 'vector' batch: 0"), "training.batch", "1 to 256");
}

v1::RegisterSignalHeader GoodHeader() {
  v1::RegisterSignalHeader header;
  header.set_format("native");
  header.set_size(10);
  header.set_sha256(std::string(64, 'A'));
  return header;
}

TEST(ConvertTest, AnUploadHeaderIsCheckedFieldByField) {
  EXPECT_EQ(ToUploadHeader(GoodHeader())->file.sha256, std::string(64, 'a'));
  v1::RegisterSignalHeader header = GoodHeader();
  header.set_format("pickle");
  ExpectInvalid(ToUploadHeader(header), "header.format", "'pickle'");
  for (const int64_t size :
       {int64_t{0}, int64_t{-1}, (int64_t{1} << 30) + 1, std::numeric_limits<int64_t>::max()}) {
    header = GoodHeader();
    header.set_size(size);
    ExpectInvalid(ToUploadHeader(header), "header.size", std::to_string(size));
  }
  header = GoodHeader();
  header.set_sha256("abc");
  ExpectInvalid(ToUploadHeader(header), "header.sha256", "64 hex digits");
  header = GoodHeader();
  header.set_alias(std::string(64, '0'));
  ExpectInvalid(ToUploadHeader(header), "header.alias", "not 64 hex digits");
  header = GoodHeader();
  header.set_description(std::string(4097, 'x'));
  ExpectInvalid(ToUploadHeader(header), "header.description", "4097 bytes");
  header = GoodHeader();
  (*header.mutable_labels())["k"] = std::string(257, 'x');
  ExpectInvalid(ToUploadHeader(header), "header.labels[k]", "257 bytes");
  header = GoodHeader();
  (*header.mutable_labels())[std::string(65, 'k')] = "v";
  ExpectInvalid(ToUploadHeader(header), "header.labels", "1 to 64 bytes");
  header = GoodHeader();
  for (int i = 0; i < 33; ++i) (*header.mutable_labels())[std::to_string(i)] = std::string(1, 'v');
  ExpectInvalid(ToUploadHeader(header), "header.labels", "33 labels");
}

TEST(ConvertTest, NamesAndPages) {
  EXPECT_TRUE(CheckAliasName("name", "team/calm-v1.2_x").ok());
  EXPECT_TRUE(CheckAliasName("name", std::string(128, 'a')).ok());
  for (const std::string& bad : {std::string(), std::string(129, 'a'), std::string("a b"),
                                 std::string("\xC3\xA9"), std::string(64, 'f')}) {
    EXPECT_FALSE(CheckAliasName("name", bad).ok()) << bad;
  }
  EXPECT_TRUE(IsSpeltAsId(std::string(64, 'f')));
  EXPECT_FALSE(IsSpeltAsId(std::string(64, 'F')));
  EXPECT_FALSE(IsSpeltAsId(std::string(63, 'f')));
  EXPECT_EQ(*ToPageSize(0), 100);
  EXPECT_EQ(*ToPageSize(1000), 1000);
  ExpectInvalid(ToPageSize(1001), "page_size", "1001");
  ExpectInvalid(ToPageSize(-1), "page_size", "-1");
}

}  // namespace
}  // namespace steer

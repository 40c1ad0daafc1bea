#include "core/runtime/admission.h"

#include <climits>
#include <thread>

#include "core/base/status.h"
#include "core/store/sqlite_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/test_signals.h"
#include "tests/support/byte_tokenizer.h"

namespace steer {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class AdmissionTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    const auto put = store_->Put(VectorSignal(1), {}, "");
    ASSERT_TRUE(put.ok()) << put.status();
    id_ = put->record.id;
    Make({});
  }
  void Make(const GenerationConfig& generation) {
    admission_ =
        std::make_unique<Admission>(Admission::Model{.vocabulary = tokenizer_.vocabulary_size(),
                                                     .tokenizer = &tokenizer_,
                                                     .generation = generation},
                                    store_.get(), Admission::Limits{.positions = 32});
  }
  std::string FieldOf(const absl::Status& status) {
    return DetailOf(status).value_or(ErrorDetail{}).field;
  }
  ControlSpec Changing(std::vector<MultiplierRun> changes) {
    return {.signal = id_, .multiplier = 1.0, .changes = std::move(changes)};
  }

  TemporaryFolder folder_{MemoryFolder()};
  const ByteTokenizer tokenizer_;
  std::unique_ptr<SignalStore> store_;
  std::string id_;
  std::unique_ptr<Admission> admission_;
};

TEST_F(AdmissionTest, TheRequestThenTheModelThenOurDefaults) {
  Make({.temperature = 0.6, .top_k = 20, .top_p = {}, .min_p = 0.1, .repetition_penalty = 1.1});
  SamplingSpec spec;
  spec.top_k = 5;
  spec.seed = 9;
  const SamplingParams params = admission_->Sampling(spec);
  EXPECT_EQ(params.temperature, 0.6);
  EXPECT_EQ(params.top_k, 5);
  EXPECT_EQ(params.top_p, 1.0);
  EXPECT_EQ(params.min_p, 0.1);
  EXPECT_EQ(params.repetition_penalty, 1.1);
  EXPECT_EQ(params.seed, 9U);
  EXPECT_EQ(params.max_tokens, INT_MAX);
}

TEST_F(AdmissionTest, MultipliersOverTimeAreCheckedOneByOne) {
  const auto good = admission_->Controls({Changing({{3, 2, 2}, {9, 0, 0}})});
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_THAT(good->set[0].multipliers,
              ElementsAre(MultiplierRun{0, 1, 1}, MultiplierRun{3, 2, 2}, MultiplierRun{9, 0, 0}));
  EXPECT_EQ(good->set[0].signal_id, id_);
  const std::vector<std::pair<std::vector<MultiplierRun>, std::string>> bad = {
      {{{0, 2, 2}}, "controls[0].changes[0].position"},
      {{{5, 2, 2}, {5, 3, 3}}, "controls[0].changes[1].position"},
      {{{-5, 2, 2}}, "controls[0].changes[0].position"},
      {{{5, 1e9, 2}}, "controls[0].changes[0].multiplier"},
      {{{5, 1, std::nan("")}}, "controls[0].changes[0].bias_multiplier"}};
  for (const auto& [changes, field] : bad) {
    EXPECT_EQ(FieldOf(admission_->Controls({Changing(changes)}).status()), field);
  }
}

TEST_F(AdmissionTest, AScaledSetScalesTheWholeCourse) {
  const auto controls = admission_->Controls({Changing({{3, 2, 4}})});
  ASSERT_TRUE(controls.ok());
  EXPECT_THAT(controls->Scaled(-3)[0].multipliers,
              ElementsAre(MultiplierRun{0, -3, -3}, MultiplierRun{3, -6, -12}));
  EXPECT_FALSE(admission_->CheckFactor(*controls, 4e5, "multipliers[0]").ok());
  EXPECT_TRUE(admission_->CheckFactor(*controls, 2e5, "multipliers[0]").ok());
}

TEST_F(AdmissionTest, NumbersInErrorsAreWrittenOut) {
  const auto detail =
      DetailOf(admission_->Controls({{.signal = id_, .multiplier = 1000001.0}}).status());
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->got, "1000001");
  EXPECT_EQ(detail->allowed, "a finite number from -1000000 to 1000000");
}

TEST_F(AdmissionTest, PromptAndAnswerFitTogether) {
  for (const int length : {1, 20, 31, 32, 40}) {
    for (const std::optional<int> max_tokens : {std::optional<int>(), {1}, {12}, {31}, {32}}) {
      for (const Truncation truncation :
           {Truncation::kRefuse, Truncation::kDropFirst, Truncation::kDropLast}) {
        GenerateSpec spec;
        spec.prompt.text = std::string(length, 'x');
        spec.sampling.max_tokens = max_tokens;
        spec.truncation = truncation;
        SamplingParams sampling = admission_->Sampling(spec.sampling);
        const auto prompt = admission_->Prompt(spec, sampling);
        const int answer = max_tokens.value_or(1);
        const bool fits = truncation == Truncation::kRefuse ? length + answer <= 32 : answer <= 31;
        EXPECT_EQ(prompt.ok(), fits) << length << " " << answer << " " << prompt.status();
        if (!prompt.ok()) continue;
        EXPECT_LE(prompt->layout.prompt_length + sampling.max_tokens, 32);
        EXPECT_EQ(prompt->layout.prompt_length, std::min(length, 32 - answer));
        EXPECT_EQ(prompt->truncated, length - prompt->layout.prompt_length);
        EXPECT_THAT(prompt->tokens, SizeIs(prompt->layout.prompt_length));
      }
    }
  }
}

// One admission, many callers, aliases that move meanwhile: each gets one of the versions, whole.
TEST_F(AdmissionTest, ManyCallersWhileAnAliasMoves) {
  const auto other = store_->Put(VectorSignal(2), {}, "");
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(store_->SetAlias("mood", id_, std::nullopt).ok());
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        const auto controls = admission_->Controls({{.signal = "mood"}});
        ASSERT_TRUE(controls.ok()) << controls.status();
        EXPECT_TRUE(controls->set[0].signal_id == id_ ||
                    controls->set[0].signal_id == other->record.id);
        EXPECT_EQ(controls->resolved[0].signal_id, controls->set[0].signal_id);
      }
    });
  }
  for (int round = 0; round < 40; ++round) {
    ASSERT_TRUE(
        store_->SetAlias("mood", round % 2 == 0 ? other->record.id : id_, std::nullopt).ok());
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace steer

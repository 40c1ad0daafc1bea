#include "core/runtime/admission.h"

#include <algorithm>
#include <climits>
#include <memory>
#include <optional>
#include <string>

#include "core/tokenizer/detokenizer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/byte_tokenizer.h"

namespace steer {
namespace {

using testing::SizeIs;

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() { Make({}); }
  void Make(const GenerationConfig& generation) {
    admission_ =
        std::make_unique<Admission>(Admission::Model{.vocabulary = tokenizer_.vocabulary_size(),
                                                     .tokenizer = &tokenizer_,
                                                     .generation = generation,
                                                     .positions = 32});
  }

  const ByteTokenizer tokenizer_;
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

// A model without a template answers pairs in one stated form, unless they are asked for as they
// stand.
TEST_F(AdmissionTest, PairsOfABaseModel) {
  const PolarPair pair = {.question = "Up?", .positive = " Yes", .negative = "No"};
  const auto texts = [&](const std::string& system, Admission::PairForm form) {
    const auto pairs = admission_->Pairs({pair}, {.system = system, .form = form});
    EXPECT_TRUE(pairs.ok()) << pairs.status();
    std::vector<std::string> texts;
    for (const std::vector<ForcedText>* answer :
         {&pairs->front().positive, &pairs->front().negative}) {
      EXPECT_THAT(*answer, SizeIs(1));
      const ForcedText* text = &answer->front();
      const auto border = text->tokens.begin() + text->layout.prompt_length;
      std::string all = Detokenize(tokenizer_, {text->tokens.begin(), border}, true);
      all += '|';
      all += Detokenize(tokenizer_, {border, text->tokens.end()}, true);
      texts.push_back(std::move(all));
    }
    return texts;
  };
  EXPECT_EQ(admission_->form(), Admission::PairForm::kQuestionAnswer);
  EXPECT_THAT(texts("", admission_->form()),
              testing::ElementsAre("Question: Up?\nAnswer:| Yes", "Question: Up?\nAnswer:| No"));
  EXPECT_THAT(
      texts("S", admission_->form()),
      testing::ElementsAre("S\n\nQuestion: Up?\nAnswer:| Yes", "S\n\nQuestion: Up?\nAnswer:| No"));
  EXPECT_THAT(texts("S", Admission::PairForm::kVerbatim),
              testing::ElementsAre("Up?| Yes", "Up?|No"));
}

// The second spelling has or lacks the space; where that would be nothing, or nothing else, there
// is one.
TEST_F(AdmissionTest, SpellingsOfAnAnswer) {
  const auto spellings = [&](const std::string& answer, Admission::PairForm form) {
    const auto pairs =
        admission_->Pairs({{.question = "Up?", .positive = answer, .negative = "No"}},
                          {.form = form, .both_spellings = true});
    EXPECT_TRUE(pairs.ok()) << pairs.status();
    std::vector<std::string> texts;
    for (const ForcedText& text : pairs->front().positive) {
      texts.push_back(Detokenize(
          tokenizer_, {text.tokens.begin() + text.layout.prompt_length, text.tokens.end()}, true));
    }
    return texts;
  };
  const auto verbatim = Admission::PairForm::kVerbatim;
  EXPECT_THAT(spellings("Yes", verbatim), testing::ElementsAre("Yes", " Yes"));
  EXPECT_THAT(spellings(" Yes", verbatim), testing::ElementsAre(" Yes", "Yes"));
  EXPECT_THAT(spellings(" ", verbatim), testing::ElementsAre(" "));
  const auto question = Admission::PairForm::kQuestionAnswer;
  EXPECT_THAT(spellings("Yes", question), testing::ElementsAre(" Yes", "Yes"));
  EXPECT_THAT(spellings(" Yes", question), testing::ElementsAre(" Yes", "Yes"));
}

}  // namespace
}  // namespace steer

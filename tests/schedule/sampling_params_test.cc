#include "core/schedule/sampling_params.h"

#include <limits>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

constexpr int64_t kVocabulary = 100;

struct Case {
  std::string field;  // empty: valid
  void (*change)(SamplingParams&);
};

class SamplingParamsTest : public ::testing::TestWithParam<Case> {};

TEST_P(SamplingParamsTest, NamesTheField) {
  SamplingParams params;
  GetParam().change(params);
  const absl::Status status = Validate(params, kVocabulary);
  if (GetParam().field.empty()) {
    EXPECT_TRUE(status.ok()) << status;
    return;
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(DetailOf(status).has_value());
  EXPECT_EQ(DetailOf(status)->field, GetParam().field);
  EXPECT_NE(DetailOf(status)->got, "");
  EXPECT_NE(DetailOf(status)->allowed, "");
}

// `count` biases; more than there are tokens, if need be.
std::map<TokenId, double> Biases(int count) {
  std::map<TokenId, double> biases;
  for (int i = 0; i < count; ++i) biases[i] = 1;
  return biases;
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(
    All, SamplingParamsTest,
    ::testing::Values(
        Case{"", [](SamplingParams&) {}}, Case{"", [](SamplingParams& p) { p.temperature = 0; }},
        Case{"", [](SamplingParams& p) { p.temperature = 100; }},
        Case{"", [](SamplingParams& p) { p.top_p = 1e-9; }},
        Case{"", [](SamplingParams& p) { p.stop.assign(16, std::string(256, 'a')); }},
        Case{"sampling.max_tokens", [](SamplingParams& p) { p.max_tokens = 0; }},
        Case{"sampling.max_tokens", [](SamplingParams& p) { p.max_tokens = -2147483647; }},
        Case{"sampling.temperature", [](SamplingParams& p) { p.temperature = -0.1; }},
        Case{"sampling.temperature", [](SamplingParams& p) { p.temperature = 100.1; }},
        Case{"sampling.temperature", [](SamplingParams& p) { p.temperature = kNan; }},
        Case{"sampling.temperature", [](SamplingParams& p) { p.temperature = kInf; }},
        Case{"sampling.top_k", [](SamplingParams& p) { p.top_k = -1; }},
        Case{"sampling.top_p", [](SamplingParams& p) { p.top_p = 0; }},
        Case{"sampling.top_p", [](SamplingParams& p) { p.top_p = 1.001; }},
        Case{"sampling.top_p", [](SamplingParams& p) { p.top_p = kNan; }},
        Case{"sampling.stop", [](SamplingParams& p) { p.stop.assign(17, "a"); }},
        Case{"sampling.stop[1]", [](SamplingParams& p) { p.stop = {"a", ""}; }},
        Case{"sampling.stop[0]", [](SamplingParams& p) { p.stop = {std::string(257, 'a')}; }},
        Case{"sampling.stop[0]", [](SamplingParams& p) { p.stop = {"\xA9"}; }}));

INSTANTIATE_TEST_SUITE_P(
    Counts, SamplingParamsTest,
    ::testing::Values(
        Case{"", [](SamplingParams& p) { p.min_tokens = p.max_tokens; }},
        Case{"sampling.min_tokens", [](SamplingParams& p) { p.min_tokens = -1; }},
        Case{"sampling.min_tokens", [](SamplingParams& p) { p.min_tokens = p.max_tokens + 1; }},
        Case{"", [](SamplingParams& p) { p.top_log_probs = 20; }},
        Case{"sampling.top_log_probs", [](SamplingParams& p) { p.top_log_probs = -1; }},
        Case{"sampling.top_log_probs", [](SamplingParams& p) { p.top_log_probs = 21; }},
        Case{"", [](SamplingParams& p) { p.prompt_log_probs = 0; }},
        Case{"", [](SamplingParams& p) { p.prompt_log_probs = 20; }},
        Case{"sampling.prompt_log_probs", [](SamplingParams& p) { p.prompt_log_probs = -1; }},
        Case{"sampling.prompt_log_probs", [](SamplingParams& p) { p.prompt_log_probs = 21; }}));

INSTANTIATE_TEST_SUITE_P(
    Shape, SamplingParamsTest,
    ::testing::Values(
        Case{"", [](SamplingParams& p) { p.min_p = 1; }},
        Case{"sampling.min_p", [](SamplingParams& p) { p.min_p = -1e-9; }},
        Case{"sampling.min_p", [](SamplingParams& p) { p.min_p = 1.001; }},
        Case{"sampling.min_p", [](SamplingParams& p) { p.min_p = kNan; }},
        Case{"", [](SamplingParams& p) { p.repetition_penalty = 1e-300; }},
        Case{"", [](SamplingParams& p) { p.repetition_penalty = 10; }},
        Case{"sampling.repetition_penalty", [](SamplingParams& p) { p.repetition_penalty = 0; }},
        Case{"sampling.repetition_penalty",
             [](SamplingParams& p) { p.repetition_penalty = 10.01; }},
        Case{"sampling.repetition_penalty", [](SamplingParams& p) { p.repetition_penalty = kNan; }},
        Case{"", [](SamplingParams& p) { p.presence_penalty = p.frequency_penalty = -2; }},
        Case{"", [](SamplingParams& p) { p.presence_penalty = p.frequency_penalty = 2; }},
        Case{"sampling.presence_penalty", [](SamplingParams& p) { p.presence_penalty = -2.01; }},
        Case{"sampling.presence_penalty", [](SamplingParams& p) { p.presence_penalty = kInf; }},
        Case{"sampling.presence_penalty", [](SamplingParams& p) { p.presence_penalty = kNan; }},
        Case{"sampling.frequency_penalty", [](SamplingParams& p) { p.frequency_penalty = 2.01; }},
        Case{"sampling.frequency_penalty", [](SamplingParams& p) { p.frequency_penalty = -kInf; }},
        Case{"sampling.frequency_penalty", [](SamplingParams& p) { p.frequency_penalty = kNan; }}));

INSTANTIATE_TEST_SUITE_P(
    Tokens, SamplingParamsTest,
    ::testing::Values(
        Case{"", [](SamplingParams& p) { p.logit_bias = {{0, -100}, {99, 100}}; }},
        Case{"sampling.logit_bias[17]", [](SamplingParams& p) { p.logit_bias = {{17, 100.5}}; }},
        Case{"sampling.logit_bias[17]", [](SamplingParams& p) { p.logit_bias = {{17, -kInf}}; }},
        Case{"sampling.logit_bias[17]",
             [](SamplingParams& p) { p.logit_bias = {{3, 1}, {17, kNan}}; }},
        Case{"sampling.logit_bias[-1]", [](SamplingParams& p) { p.logit_bias = {{-1, 1}}; }},
        Case{"sampling.logit_bias[100]", [](SamplingParams& p) { p.logit_bias = {{100, 1}}; }},
        Case{"sampling.logit_bias[100]", [](SamplingParams& p) { p.logit_bias = Biases(1024); }},
        Case{"sampling.logit_bias", [](SamplingParams& p) { p.logit_bias = Biases(1025); }},
        Case{"", [](SamplingParams& p) { p.stop_tokens.assign(64, 99); }},
        Case{"sampling.stop_token_ids", [](SamplingParams& p) { p.stop_tokens.assign(65, 1); }},
        Case{"sampling.stop_token_ids[2]", [](SamplingParams& p) { p.stop_tokens = {0, 1, 100}; }},
        Case{"sampling.stop_token_ids[0]", [](SamplingParams& p) { p.stop_tokens = {-1}; }}));

TEST(ValidateTest, AsManyBiasesAsAllowed) {
  SamplingParams params;
  params.logit_bias = Biases(1024);
  EXPECT_TRUE(Validate(params, 1024).ok());
}

}  // namespace
}  // namespace steer

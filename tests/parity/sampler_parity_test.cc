// What may be drawn, and with which probability, is what transformers' processors make of the same
// logits; make_sampler_goldens.py wrote it down and says where the two differ on purpose.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "core/engine/sampler.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

using Json = nlohmann::json;

struct SamplerCase {
  std::vector<float> logits;
  std::vector<TokenId> prompt;
  std::vector<TokenId> output;
  std::vector<TokenId> end_tokens;
  SamplingParams params;
  std::map<TokenId, double> survivors;
  TokenHistory history() const {
    return {.prompt = prompt, .output = output, .end_tokens = end_tokens};
  }
};

std::map<TokenId, double> ByToken(const Json& object) {
  std::map<TokenId, double> values;
  for (const auto& [token, value] : object.items()) values[std::stoi(token)] = value;
  return values;
}

std::vector<SamplerCase> Cases() {
  std::vector<SamplerCase> cases;
  std::ifstream goldens(STEER_TEST_DATA "/sampler.jsonl");
  for (std::string line; std::getline(goldens, line);) {
    const Json golden = Json::parse(line);
    SamplerCase& next = cases.emplace_back();
    golden.at("logits").get_to(next.logits);
    golden.at("prompt").get_to(next.prompt);
    golden.at("output").get_to(next.output);
    golden.at("end_tokens").get_to(next.end_tokens);
    next.survivors = ByToken(golden.at("survivors"));
    SamplingParams& params = next.params;
    params.temperature = golden.value("temperature", params.temperature);
    params.top_k = golden.value("top_k", params.top_k);
    params.top_p = golden.value("top_p", params.top_p);
    params.min_p = golden.value("min_p", params.min_p);
    params.repetition_penalty = golden.value("repetition_penalty", params.repetition_penalty);
    params.presence_penalty = golden.value("presence_penalty", params.presence_penalty);
    params.frequency_penalty = golden.value("frequency_penalty", params.frequency_penalty);
    params.min_tokens = golden.value("min_tokens", params.min_tokens);
    if (golden.contains("logit_bias")) params.logit_bias = ByToken(golden["logit_bias"]);
  }
  return cases;
}

// Probability by token of what a draw chooses from.
std::map<TokenId, double> Distribution(const SamplerCase& sampled) {
  const std::vector<float> row =
      AdjustedLogits(sampled.logits, sampled.params, sampled.history()).value_or(sampled.logits);
  Candidates candidates =
      CandidatesOf(row, *std::max_element(row.begin(), row.end()), sampled.params);
  if (candidates.ids.empty()) {
    candidates.ids.resize(row.size());
    std::iota(candidates.ids.begin(), candidates.ids.end(), 0);
  }
  std::map<TokenId, double> p;
  double total = 0;
  for (const TokenId id : candidates.ids) {
    if (candidates.weights[id] > 0) total += p[id] = candidates.weights[id];
  }
  for (auto& [token, value] : p) value /= total;
  return p;
}

TEST(SamplerParityTest, TheSameTokensSurviveWithTheSameProbabilities) {
  const std::vector<SamplerCase> cases = Cases();
  ASSERT_GE(cases.size(), 40u);
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    const std::map<TokenId, double> found = Distribution(cases[i]);
    EXPECT_EQ(found.size(), cases[i].survivors.size());
    for (const auto& [token, p] : cases[i].survivors) {
      ASSERT_TRUE(found.contains(token)) << token;
      // Adjusted logits are rounded to f32: a few millionths at most.
      EXPECT_NEAR(found.at(token), p, 2e-5 * p) << token;
    }
  }
}

TEST(SamplerParityTest, DrawsComeFromTheSurvivorsAsOftenAsTheyShould) {
  for (const SamplerCase& sampled : Cases()) {
    constexpr int kDraws = 400;
    std::map<TokenId, int> counts;
    for (int position = 0; position < kDraws; ++position) {
      ++counts[SampleToken(sampled.logits, sampled.params, sampled.history(), position).token];
    }
    for (const auto& [token, count] : counts) EXPECT_TRUE(sampled.survivors.contains(token));
    for (const auto& [token, p] : sampled.survivors) {
      const double deviation = std::sqrt(kDraws * p * (1 - p)) + 1;
      const auto found = counts.find(token);
      EXPECT_NEAR(found == counts.end() ? 0 : found->second, kDraws * p, 5 * deviation) << token;
    }
  }
}

}  // namespace
}  // namespace steer

// Every family against transformers: small seeded checkpoints (families.py) whose windows are
// crossed, whose scaling and soft caps act, whose biases and norms are no trivial ones
// (make_family_goldens.py), by the plain forward pass and through the whole engine.

#include <cmath>

#include "tests/parity/parity_engine.h"

namespace steer {
namespace {

const Goldens& Recorded() {
  static const Goldens goldens("family_goldens.safetensors");
  return goldens;
}

class FamilyParityTest : public testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<const Decoder> Load(at::ScalarType dtype = at::kFloat) const {
    return LoadDecoder(STEER_FAMILIES "/" + GetParam(), dtype);
  }
  std::vector<std::string> Keys() const { return {GetParam() + ".0", GetParam() + ".1"}; }
  std::vector<Row> Prompts() const {
    std::vector<Row> rows;
    for (const std::string& key : Keys())
      rows.push_back({Recorded().Get<TokenId>(key + ".prompt")});
    return rows;
  }
};

TEST_P(FamilyParityTest, LogitsAreWithin2e3) {
  const std::shared_ptr<const Decoder> decoder = Load();
  ASSERT_NE(decoder, nullptr);
  const DecoderHarness harness(decoder);
  // All of a prompt at once takes the road of many rows, chunks of 3 that of few, chunks of 48 find
  // keys in the cache and others before the window.
  const std::vector<std::vector<at::Tensor>> ways = {
      harness.Full(Prompts()), harness.Cached(Prompts(), 3), harness.Cached(Prompts(), 48)};
  for (const std::vector<at::Tensor>& logits : ways) {
    double worst = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      const std::string key = Keys()[i];
      const std::vector<int> positions = Recorded().Get<int>(key + ".positions");
      const std::vector<float> expected = Recorded().Get<float>(key + ".logits");
      const int64_t vocabulary = logits[i].size(1);
      ASSERT_EQ(expected.size(), positions.size() * static_cast<size_t>(vocabulary));
      for (size_t p = 0; p < positions.size(); ++p) {
        const at::Tensor row = logits[i][positions[p]].contiguous();
        for (int64_t id = 0; id < vocabulary; ++id) {
          const float wanted = expected[p * static_cast<size_t>(vocabulary) + id];
          worst = std::max(worst, std::abs(double{row.data_ptr<float>()[id]} - wanted));
        }
      }
    }
    EXPECT_LT(worst, 2e-3);
    std::printf("%s: largest difference of a logit: %.3g\n", GetParam().c_str(), worst);
  }
}

TEST_P(FamilyParityTest, ThroughTheEngineLogProbabilitiesAndGreedyTokensAreEqual) {
  const std::shared_ptr<const Decoder> decoder = Load();
  ASSERT_NE(decoder, nullptr);
  ParityEngine engine(decoder, /*step_tokens=*/40);
  ExpectLogProbabilities(engine, Recorded(), Keys());
  ExpectGreedyTokens(engine, Recorded(), Keys());
}

// bf16 has 8 bits; what that costs is measured on the reference itself: its own bf16 against its
// own f32, all log-probabilities of all positions, on average. Ours, which rounds less often, may
// cost no more than half as much again.
TEST_P(FamilyParityTest, Bf16CostsNoMoreThanTheReferencesOwn) {
  const std::shared_ptr<const Decoder> exact = Load(), half = Load(at::kBFloat16);
  ASSERT_NE(half, nullptr);
  const std::vector<at::Tensor> expected = DecoderHarness(exact).Full(Prompts());
  const std::vector<at::Tensor> full = DecoderHarness(half).Full(Prompts());
  const std::vector<at::Tensor> cached = DecoderHarness(half).Cached(Prompts(), 48);
  for (size_t i = 0; i < expected.size(); ++i) {
    const double allowed = 1.5 * Recorded().Get<float>(Keys()[i] + ".bf16_error")[0];
    for (const at::Tensor& logits : {full[i], cached[i]}) {
      const double error =
          (logits.log_softmax(-1) - expected[i].log_softmax(-1)).abs().mean().item<double>();
      EXPECT_LT(error, allowed);
      EXPECT_GT(error, 1e-4) << "bf16 must really be bf16";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyParityTest,
                         testing::Values("llama", "llama_linear", "llama3", "mistral", "qwen2",
                                         "qwen3", "gemma2", "gemma3", "smollm3", "phi3",
                                         "phi3_partial"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace steer

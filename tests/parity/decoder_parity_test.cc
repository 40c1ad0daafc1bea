// The default model in f32 against transformers on the same GGUF weights (make_decoder_goldens.py),
// through the whole engine: chunked prefill, paged cache, runner, sampler.

#include <cmath>

#include "absl/strings/str_format.h"
#include "tests/parity/parity_engine.h"

namespace steer {
namespace {

class DecoderParityTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    decoder_ = LoadDecoder(RequiredEnv("STEER_TEST_MODEL"));
    ASSERT_NE(decoder_, nullptr);
    goldens_ = std::make_unique<Goldens>("decoder_goldens.safetensors");
  }
  static void TearDownTestSuite() {
    decoder_.reset();
    goldens_.reset();
  }

  static std::vector<std::string> Keys() {
    std::vector<std::string> keys;
    keys.reserve(20);
    for (int prompt = 0; prompt < 20; ++prompt) keys.push_back(absl::StrFormat("%02d", prompt));
    return keys;
  }

  static inline std::shared_ptr<const Decoder> decoder_;
  static inline std::unique_ptr<Goldens> goldens_;
};

TEST_F(DecoderParityTest, FinalLogitsAreWithin2e3) {
  ExpectFinalLogits(DecoderHarness(decoder_), *goldens_, Keys());
}

TEST_F(DecoderParityTest, LogProbabilitiesAreWithin1e3) {
  ParityEngine engine(decoder_, /*step_tokens=*/200);
  ExpectLogProbabilities(engine, *goldens_, Keys());
}

TEST_F(DecoderParityTest, GreedyTokensAreEqual) {
  ParityEngine engine(decoder_, /*step_tokens=*/200);
  ExpectGreedyTokens(engine, *goldens_, Keys());
}

// The three controls of make_steered_goldens.py as signals of ours.
class SteeredParityTest : public DecoderParityTest {
 protected:
  static void SetUpTestSuite() {
    DecoderParityTest::SetUpTestSuite();
    steered_ = std::make_unique<Goldens>("steered_goldens.safetensors");
  }
  static HostTensor Tensor(const std::string& name) { return steered_->Tensor(name); }
  static ControlEntry Signal(SignalKind kind, Site site, std::map<std::string, HostTensor> tensors,
                             double m) {
    SignalData data;
    data.kind = kind;
    data.updates.push_back({.site = site, .read = Read::kSiteInput, .tensors = std::move(tensors)});
    const absl::Status valid = Validate(data, decoder_->config().shape());
    EXPECT_TRUE(valid.ok()) << valid;
    return Entry(data, m);
  }
  static ControlSet Controls(const std::string& which) {
    const ControlEntry vector =
        Signal(SignalKind::kVector, {14, SiteKind::kBlockOut}, {{"v", Tensor("vector.v")}}, 3.0);
    const ControlEntry q = Signal(SignalKind::kLora, {3, SiteKind::kQProj},
                                  {{"A", Tensor("q.A")}, {"B", Tensor("q.B")}}, -1.5);
    const ControlEntry down = Signal(SignalKind::kLora, {20, SiteKind::kDownProj},
                                     {{"A", Tensor("down.A")}, {"B", Tensor("down.B")}}, 0.75);
    if (which == "vector") return {vector};
    if (which == "q") return {q};
    if (which == "down") return {down};
    return {vector, q, down};
  }
  static inline std::unique_ptr<Goldens> steered_;
};

// All cases of all prompts in one ragged batch: hooks and merged weights on the one side, per-row
// terms on the other.
TEST_F(SteeredParityTest, SignalsEqualHooksAndMergedWeights) {
  const std::vector<std::string> cases = {"vector", "q", "down", "all"};
  std::vector<Row> rows;
  for (int prompt = 0; prompt < 4; ++prompt) {
    const auto tokens = steered_->Get<TokenId>(absl::StrFormat("%d.prompt", prompt));
    for (const std::string& which : cases) rows.push_back({tokens, Controls(which)});
  }
  const std::vector<at::Tensor> together = DecoderHarness(decoder_).Full(rows);
  double worst = 0;
  double effect = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const at::Tensor last =
        together[i][static_cast<int64_t>(rows[i].tokens.size()) - 1].contiguous();
    const std::string key = absl::StrFormat("%d.%s.", i / 4, cases[i % 4]);
    const auto expected = Tensor(key + "logits");
    for (size_t t = 0; t < expected.floats().size(); ++t) {
      worst = std::max(worst, std::abs(static_cast<double>(last.data_ptr<float>()[16 * t]) -
                                       expected.floats()[t]));
    }
    worst = std::max(worst, std::abs(last.logsumexp(0).item<double>() -
                                     Tensor(key + "log_sum_exp").floats()[0]));
    effect = std::max(
        effect,
        MaxDifference(last, together[i - i % 4][static_cast<int64_t>(rows[i].tokens.size()) - 1]));
  }
  EXPECT_LT(worst, 2e-3);
  EXPECT_GT(effect, 0.5) << "the cases must differ";
  std::printf("largest difference of a steered logit: %.3g\n", worst);
}

TEST_F(SteeredParityTest, OnRealWeightsCachedEqualsRecomputedAndTogetherEqualsAlone) {
  std::vector<Row> rows;
  for (int prompt = 0; prompt < 4; ++prompt) {
    auto tokens = goldens_->Get<TokenId>(absl::StrFormat("%02d.prompt", prompt + 8));
    tokens.resize(std::min<size_t>(tokens.size(), 40));
    rows.push_back({tokens,
                    prompt == 0 ? ControlSet{}
                                : Controls(prompt == 1   ? "vector"
                                           : prompt == 2 ? "q"
                                                         : "all"),
                    {.prompt_length = 20}});
  }
  const DecoderHarness harness(decoder_);
  const std::vector<at::Tensor> together = harness.Full(rows);
  const std::vector<at::Tensor> cached = harness.Cached(rows, 7);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_LT(MaxDifference(together[i].log_softmax(-1), cached[i].log_softmax(-1)), 1e-4) << i;
    EXPECT_LT(
        MaxDifference(together[i].log_softmax(-1), harness.Full({rows[i]})[0].log_softmax(-1)),
        1e-4)
        << i;
  }
}

}  // namespace
}  // namespace steer

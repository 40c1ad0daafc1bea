// The default model in f32 against transformers on the same GGUF weights (make_decoder_goldens.py),
// through the whole engine: chunked prefill, paged cache, runner, sampler.

#include <cmath>

#include "absl/strings/str_format.h"
#include "core/engine/engine.h"
#include "core/engine/model_runner.h"
#include "core/files/safetensors.h"
#include "gtest/gtest.h"
#include "tests/support/loaded_model.h"
#include "tests/support/recording_sink.h"

namespace steer {
namespace {

constexpr int kPrompts = 20;
constexpr int kBlockSize = 16;

class DecoderParityTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string path = RequiredEnv("STEER_TEST_MODEL");
    auto file = GgufFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    auto config = ModelConfig::FromGguf(**file);
    ASSERT_TRUE(config.ok()) << config.status();
    auto tokenizer = Tokenizer::FromGguf(**file);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    tokenizer_ = *std::move(tokenizer);
    auto decoder = Decoder::Load(**file, *config, at::kFloat, at::kCPU);
    ASSERT_TRUE(decoder.ok()) << decoder.status();
    decoder_ = *std::move(decoder);
    constexpr int kBlocks = 512;
    // A small step budget, so that the long prompts are prefilled in chunks.
    engine_ = std::make_unique<Engine>(
        SchedulerOptions{.step_tokens = 200,
                         .max_sequences = 16,
                         .block_size = kBlockSize,
                         .groups = {{.block_count = kBlocks}},
                         .context_limit = config->context_limit},
        tokenizer_.get(),
        std::make_unique<ModelRunner>(decoder_,
                                      std::make_unique<KvCache>(*config, std::vector<int>{kBlocks},
                                                                kBlockSize, at::kFloat, at::kCPU),
                                      kBlockSize));
    auto goldens = SafetensorsFile::Open(STEER_TEST_DATA "/decoder_goldens.safetensors");
    ASSERT_TRUE(goldens.ok()) << goldens.status();
    goldens_ = *std::move(goldens);
  }
  static void TearDownTestSuite() {
    engine_.reset();
    decoder_.reset();
    tokenizer_.reset();
    goldens_.reset();
  }

  template <typename T>
  static std::vector<T> Golden(int prompt, const char* name) {
    const auto& tensor = goldens_->tensors().at(absl::StrFormat("%02d.%s", prompt, name));
    const T* begin = reinterpret_cast<const T*>(tensor.bytes.data());
    return {begin, begin + tensor.bytes.size() / sizeof(T)};
  }

  static std::shared_ptr<RecordingSink> Submit(std::vector<TokenId> tokens, int prompt_length,
                                               int max_tokens) {
    static RequestId next = 1;
    auto sink = std::make_shared<RecordingSink>();
    auto request = std::make_unique<Request>();
    request->id = next++;
    request->tokens = std::move(tokens);
    request->layout.prompt_length = prompt_length;
    if (prompt_length < static_cast<int>(request->tokens.size())) {
      request->kind = RequestKind::kScoring;
    }
    request->sampling.max_tokens = max_tokens;
    request->sampling.temperature = 0;
    request->arrival = Clock::now();
    request->sink = sink;
    engine_->Submit(std::move(request));
    return sink;
  }

  static inline std::unique_ptr<const Tokenizer> tokenizer_;
  static inline std::shared_ptr<const Decoder> decoder_;
  static inline std::unique_ptr<Engine> engine_;
  static inline std::shared_ptr<const SafetensorsFile> goldens_;
};

TEST_F(DecoderParityTest, FinalLogitsAreWithin2e3) {
  const DecoderHarness harness(decoder_);
  double worst = 0;
  for (int prompt = 0; prompt < kPrompts; ++prompt) {
    const std::vector<TokenId> tokens = Golden<TokenId>(prompt, "prompt");
    const at::Tensor logits =
        harness.Full({{tokens}})[0][static_cast<int64_t>(tokens.size()) - 1].contiguous();
    const std::vector<TokenId> ids = Golden<TokenId>(prompt, "logit_ids");
    const std::vector<float> expected = Golden<float>(prompt, "logits");
    ASSERT_GE(ids.size(), 3000U);
    for (size_t i = 0; i < ids.size(); ++i) {
      worst = std::max(
          worst, std::abs(static_cast<double>(logits.data_ptr<float>()[ids[i]]) - expected[i]));
    }
    worst = std::max(worst, std::abs(logits.logsumexp(0).item<double>() -
                                     Golden<float>(prompt, "log_sum_exp")[0]));
  }
  EXPECT_LT(worst, 2e-3);
  RecordProperty("worst_difference", absl::StrFormat("%.3g", worst));
  std::printf("largest difference of a final logit: %.3g\n", worst);
}

TEST_F(DecoderParityTest, LogProbabilitiesAreWithin1e3) {
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int prompt = 0; prompt < kPrompts; ++prompt)
    sinks.push_back(Submit(Golden<TokenId>(prompt, "prompt"), 1, 1));
  double worst = 0;
  for (int prompt = 0; prompt < kPrompts; ++prompt) {
    const FinishedEvent finished = sinks[prompt]->Wait();
    ASSERT_EQ(finished.reason, FinishReason::kScored) << finished.status;
    const std::vector<float> expected = Golden<float>(prompt, "log_probs");
    ASSERT_EQ(finished.forced_log_probs.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      worst = std::max(worst, std::abs(finished.forced_log_probs[i] - expected[i]));
    }
  }
  EXPECT_LT(worst, 1e-3);
  std::printf("largest difference of a log-probability: %.3g\n", worst);
}

TEST_F(DecoderParityTest, GreedyTokensAreEqual) {
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int prompt = 0; prompt < kPrompts; ++prompt) {
    const std::vector<TokenId> tokens = Golden<TokenId>(prompt, "prompt");
    sinks.push_back(Submit(tokens, static_cast<int>(tokens.size()), 64));
  }
  int near_ties = 0;
  for (int prompt = 0; prompt < kPrompts; ++prompt) {
    ASSERT_EQ(sinks[prompt]->Wait().reason, FinishReason::kLength);
    const std::vector<TokenId> expected = Golden<TokenId>(prompt, "greedy");
    const std::vector<float> margin = Golden<float>(prompt, "greedy_margin");
    const std::vector<TokenEvent> tokens = sinks[prompt]->tokens();
    ASSERT_EQ(tokens.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      if (tokens[i].token == expected[i]) continue;
      // A token may differ only where the reference's two best are nearly tied; what follows is
      // then another text.
      EXPECT_LT(margin[i], 1e-3) << "prompt " << prompt << ", token " << i;
      ++near_ties;
      break;
    }
  }
  std::printf("near ties that fell the other way: %d of %d prompts\n", near_ties, kPrompts);
}

// The three controls of make_steered_goldens.py as signals of ours.
class SteeredParityTest : public DecoderParityTest {
 protected:
  static void SetUpTestSuite() {
    DecoderParityTest::SetUpTestSuite();
    auto goldens = SafetensorsFile::Open(STEER_TEST_DATA "/steered_goldens.safetensors");
    ASSERT_TRUE(goldens.ok()) << goldens.status();
    steered_ = *std::move(goldens);
  }
  static HostTensor Tensor(const std::string& name) {
    const auto& tensor = steered_->tensors().at(name);
    return {tensor.dtype, tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
  }
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
  static inline std::shared_ptr<const SafetensorsFile> steered_;
};

// All cases of all prompts in one ragged batch: hooks and merged weights on the one side, per-row
// terms on the other.
TEST_F(SteeredParityTest, SignalsEqualHooksAndMergedWeights) {
  const std::vector<std::string> cases = {"vector", "q", "down", "all"};
  std::vector<Row> rows;
  for (int prompt = 0; prompt < 4; ++prompt) {
    const auto& ids = steered_->tensors().at(absl::StrFormat("%d.prompt", prompt));
    const TokenId* begin = reinterpret_cast<const TokenId*>(ids.bytes.data());
    for (const std::string& which : cases)
      rows.push_back({{begin, begin + ids.shape[0]}, Controls(which)});
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
    std::vector<TokenId> tokens = Golden<TokenId>(prompt + 8, "prompt");
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

#include "core/model/decoder.h"

#include <limits>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/loaded_model.h"

namespace steer {
namespace {

constexpr double kTolerance = 1e-4;  // f32, different order of sums

const ModelFile& File() {
  static const ModelFile file(RequiredEnv("STEER_TINY_MODEL"));
  return file;
}

DecoderHarness& Tiny() {
  static DecoderHarness harness(File().Load());
  return harness;
}

const ModelShape& Shape() {
  static const ModelShape shape = Tiny().decoder().config().shape();
  return shape;
}

std::vector<TokenId> Tokens(int count, int seed) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back((seed * 37 + i * i * 11 + i * 5) % 250 + 3);
  return tokens;
}

// Five requests with nothing in common: plain, each kind alone, and two signals at once.
std::vector<Row> MixedBatch() {
  const ModelShape& shape = Shape();
  const SignalData vector =
      RandomSignal(shape, SignalKind::kVector, {1, SiteKind::kBlockOut}, 0.5, 1);
  const SignalData lora = RandomSignal(shape, SignalKind::kLora, {0, SiteKind::kQProj}, 0.3, 2);
  const SignalData dense =
      RandomSignal(shape, SignalKind::kLocalWeight, {2, SiteKind::kDownProj}, 0.2, 3);
  return {{Tokens(9, 1)},
          {Tokens(13, 2), {Entry(vector, 2.0)}, {.prompt_length = 6}},
          {Tokens(5, 3), {Entry(lora, 1.5, -0.5)}},
          {Tokens(21, 4), {Entry(dense, 0.7)}, {.prompt_length = 11}},
          {Tokens(8, 5), {Entry(vector, -1.0), Entry(dense, 1.0)}}};
}

TEST(DecoderTest, CachedEqualsRecomputedForEveryChunking) {
  const std::vector<Row> batch = MixedBatch();
  const std::vector<at::Tensor> full = Tiny().Full(batch);
  for (const int chunk : {1, 2, 5, 7, 64}) {
    const std::vector<at::Tensor> cached = Tiny().Cached(batch, chunk);
    for (size_t i = 0; i < batch.size(); ++i) {
      EXPECT_LT(MaxDifference(full[i], cached[i]), kTolerance)
          << "row " << i << ", chunk " << chunk;
    }
  }
}

TEST(DecoderTest, ABatchOfMixedSignalsEqualsEachAlone) {
  const std::vector<Row> batch = MixedBatch();
  const std::vector<at::Tensor> together = Tiny().Full(batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_LT(MaxDifference(together[i], Tiny().Full({batch[i]})[0]), kTolerance) << "row " << i;
  }
}

TEST(DecoderTest, SignalsDoSomething) {
  std::vector<Row> batch = MixedBatch();
  const std::vector<at::Tensor> steered = Tiny().Full(batch);
  for (Row& row : batch) row.controls.clear();
  const std::vector<at::Tensor> plain = Tiny().Full(batch);
  EXPECT_TRUE(SameBits(steered[0], plain[0]));
  for (size_t i = 1; i < batch.size(); ++i)
    EXPECT_GT(MaxDifference(steered[i], plain[i]), 0.05) << "row " << i;
}

TEST(DecoderTest, WeightAndBiasPartHaveTheirOwnMultipliers) {
  const Site site{1, SiteKind::kUpProj};
  const SignalData whole = RandomSignal(Shape(), SignalKind::kLora, site, 0.4, 41);
  SignalData weight = whole, bias = whole;
  weight.updates[0].tensors.erase("db");
  bias.kind = SignalKind::kVector;
  bias.updates[0].tensors = {{"v", whole.updates[0].tensors.at("db")}};
  const at::Tensor one = Tiny().Full({{Tokens(6, 1), {Entry(whole, 1.5, -2.0)}}})[0];
  const at::Tensor two = Tiny().Full({{Tokens(6, 1), {Entry(weight, 1.5), Entry(bias, -2.0)}}})[0];
  EXPECT_LT(MaxDifference(one, two), kTolerance);
}

TEST(DecoderTest, AVectorIsABias) {
  // On this block type down_proj feeds the residual stream directly: a vector at block_out, a
  // vector at down_proj and a local weight that is only a bias are one thing.
  const SignalData at_block =
      RandomSignal(Shape(), SignalKind::kVector, {1, SiteKind::kBlockOut}, 0.5, 51);
  SignalData at_down = at_block;
  at_down.updates[0].site.kind = SiteKind::kDownProj;
  SignalData bias = at_down;
  bias.kind = SignalKind::kLocalWeight;
  const int64_t out = Shape().hidden, in = Shape().ffn;
  bias.updates[0].tensors = {
      {"db", at_down.updates[0].tensors.at("v")},
      {"dW", HostTensor::FromFloats({out, in}, std::vector<float>(out * in, 0.0F))}};
  const at::Tensor expected = Tiny().Full({{Tokens(9, 1), {Entry(at_block, 1.7)}}})[0];
  EXPECT_LT(MaxDifference(Tiny().Full({{Tokens(9, 1), {Entry(at_down, 1.7)}}})[0], expected),
            kTolerance);
  EXPECT_LT(MaxDifference(Tiny().Full({{Tokens(9, 1), {Entry(bias, 0.3, 1.7)}}})[0], expected),
            kTolerance);
}

TEST(DecoderTest, ALoraIsADenseDeltaIsMergedWeights) {
  const Site site{1, SiteKind::kDownProj};
  const int64_t out = Shape().hidden, in = Shape().ffn;
  SignalData lora = RandomSignal(Shape(), SignalKind::kLora, site, 0.4, 61);
  lora.updates[0].tensors.erase("db");
  const auto matrix = [&](const char* name) {
    const HostTensor& host = lora.updates[0].tensors.at(name);
    return at::from_blob(const_cast<std::byte*>(host.data.data()), host.shape,
                         at::dtype(at::kFloat));
  };
  const at::Tensor delta = at::mm(matrix("B"), matrix("A")).contiguous();  // [out, in]
  SignalData dense = lora;
  dense.kind = SignalKind::kLocalWeight;
  dense.updates[0].tensors = {
      {"dW", HostTensor::FromFloats(
                 {out, in}, {delta.data_ptr<float>(), static_cast<size_t>(delta.numel())})}};
  SignalData at_block =
      dense;  // reads mlp_mid, adds after the residual: the published code's placement
  at_block.updates[0].site.kind = SiteKind::kBlockOut;
  at_block.updates[0].read = Read::kMlpMid;

  constexpr double kMultiplier = 0.8;
  ModelFile merged_file(RequiredEnv("STEER_TINY_MODEL"));
  const std::span<float> weight = merged_file.Floats("blk.1.ffn_down.weight", {out, in});
  for (size_t i = 0; i < weight.size(); ++i)
    weight[i] += static_cast<float>(kMultiplier) * delta.data_ptr<float>()[i];
  const DecoderHarness merged(merged_file.Load());

  const std::vector<TokenId> tokens = Tokens(12, 2);
  const at::Tensor expected = merged.Full({{tokens}})[0];
  EXPECT_GT(MaxDifference(Tiny().Full({{tokens}})[0], expected), 0.05);
  EXPECT_LT(MaxDifference(Tiny().Full({{tokens, {Entry(lora, kMultiplier)}}})[0], expected),
            kTolerance);
  EXPECT_LT(MaxDifference(Tiny().Full({{tokens, {Entry(dense, kMultiplier)}}})[0], expected),
            kTolerance);
  EXPECT_LT(MaxDifference(Tiny().Full({{tokens, {Entry(at_block, kMultiplier)}}})[0], expected),
            kTolerance);
}

TEST(DecoderTest, PositionRulesDecideWhichTokensAct) {
  const SignalData data =
      RandomSignal(Shape(), SignalKind::kVector, {0, SiteKind::kBlockOut}, 1.0, 71);
  const std::vector<TokenId> tokens = Tokens(10, 3);
  const PromptLayout layout{.prompt_length = 6, .head_length = 2};
  const auto changed = [&](PositionRule rule) {
    Taps plain, steered;
    plain[Site{0, SiteKind::kBlockOut}] = steered[Site{0, SiteKind::kBlockOut}] = at::Tensor();
    Tiny().Full({{tokens, {}, layout}}, &plain);
    Tiny().Full({{tokens, {Entry(data, 1.0, 1.0, rule)}, layout}}, &steered);
    std::vector<int> rows;
    const at::Tensor difference = (plain.begin()->second - steered.begin()->second).abs().amax(1);
    for (int i = 0; i < 10; ++i) {
      if (difference[i].item<float>() > 0) rows.push_back(i);
    }
    return rows;
  };
  EXPECT_THAT(changed({}), testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(changed({.prompt = false}),
              testing::ElementsAre(5, 6, 7, 8, 9));  // the last prompt position generates
  EXPECT_THAT(changed({.generated = false}), testing::ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(changed({.exclude_template_head = true}),
              testing::ElementsAre(2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(DecoderTest, Bf16StaysNearF32) {
  const DecoderHarness half(File().Load(at::kBFloat16));
  const std::vector<TokenId> tokens = Tokens(40, 4);
  const at::Tensor exact = Tiny().Full({{tokens}})[0].log_softmax(-1);
  const at::Tensor rounded = half.Full({{tokens}})[0].log_softmax(-1);
  EXPECT_LT((exact - rounded).abs().mean().item<double>(), 0.05);
  EXPECT_GT((exact - rounded).abs().mean().item<double>(), 1e-6) << "bf16 must really be bf16";
  EXPECT_LT(MaxDifference(half.Cached({{tokens}}, 3)[0].log_softmax(-1), rounded), 0.3);
}

TEST(DecoderTest, AForeignTensorIsRefusedByName) {
  // The default file says "output_norm.weight"; a file with another name lacks one tensor and has
  // one too many.
  const std::string path = RequiredEnv("STEER_TINY_MODEL");
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const size_t at = bytes.find("blk.2.ffn_up.weight");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 19, "blk.2.ffn_ux.weight");
  const auto file = GgufFile::Parse(std::as_bytes(std::span<const char>(bytes)));
  ASSERT_TRUE(file.ok()) << file.status();
  const auto checkpoint = Checkpoint::FromGguf(*file);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const auto decoder = Decoder::Load(*checkpoint, at::kFloat, at::kCPU);
  EXPECT_EQ(decoder.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(decoder.status().message()), testing::HasSubstr("blk.2.ffn_up.weight"));
}

TEST(ModelConfigTest, ReadsTheTinyModel) {
  const ModelConfig& config = Tiny().decoder().config();
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.context_limit, 512);
  EXPECT_TRUE(config.tied_head);
}

TEST(ModelConfigTest, RefusesOtherArchitecturesByName) {
  const std::string path = RequiredEnv("STEER_TINY_MODEL");
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const size_t at = bytes.find("llama", bytes.find("general.architecture"));
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 5, "mamba");
  const auto file = GgufFile::Parse(std::as_bytes(std::span<const char>(bytes)));
  ASSERT_TRUE(file.ok()) << file.status();
  const auto config = ModelConfig::FromGguf(**file);
  EXPECT_EQ(config.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(DetailOf(config.status())->field, "general.architecture");
}

}  // namespace
}  // namespace steer

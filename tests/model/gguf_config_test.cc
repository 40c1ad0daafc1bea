#include <bit>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/files/gguf.h"
#include "core/model/checkpoint.h"
#include "core/model/model_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/files/gguf_builder.h"

namespace steer {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A file of metadata, and tensors of one row for the rotary factors.
class Gguf {
 public:
  explicit Gguf(std::string architecture, uint32_t layers = 6)
      : architecture_(std::move(architecture)) {
    Text("general.architecture", architecture_);
    Whole("block_count", layers).Whole("context_length", 4096).Whole("embedding_length", 64);
    Whole("feed_forward_length", 128).Whole("attention.head_count", 4);
    Real("attention.layer_norm_rms_epsilon", 1e-5F);
    keys_.push_back([](GgufBuilder& to) {
      to.Key("tokenizer.ggml.tokens", 9).Number(uint32_t{8}).Number(uint64_t{2});
      to.Text("a").Text("b");
    });
  }

  Gguf& Whole(const std::string& name, uint32_t value) {
    keys_.push_back([key = Key(name), value](GgufBuilder& to) { to.Key(key, 4).Number(value); });
    return *this;
  }
  Gguf& Real(const std::string& name, float value) {
    keys_.push_back([key = Key(name), value](GgufBuilder& to) { to.Key(key, 6).Number(value); });
    return *this;
  }
  Gguf& Text(const std::string& key, const std::string& value) {
    keys_.push_back([key, value](GgufBuilder& to) { to.Key(key, 8).Text(value); });
    return *this;
  }
  Gguf& Flags(const std::string& name, std::vector<bool> values) {
    keys_.push_back([key = Key(name), values = std::move(values)](GgufBuilder& to) {
      to.Key(key, 9).Number(uint32_t{7}).Number(uint64_t{values.size()});
      for (const bool value : values) to.Number(uint8_t{value});
    });
    return *this;
  }
  Gguf& Factors(std::string tensor) {
    tensors_.push_back(std::move(tensor));
    return *this;
  }

  absl::StatusOr<Checkpoint> Open() {
    GgufBuilder file(tensors_.size(), keys_.size());
    for (const auto& key : keys_) key(file);
    // Eight factors each, all of the bytes 1, 1, 1, 1.
    for (size_t i = 0; i < tensors_.size(); ++i) file.Tensor(tensors_[i], {8}, 0, i * 32);
    file.Data(tensors_.size() * 32);
    bytes_.assign(file.bytes().begin(), file.bytes().end());
    absl::StatusOr<std::shared_ptr<const GgufFile>> parsed = GgufFile::Parse(bytes_);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    if (!parsed.ok()) return parsed.status();
    return Checkpoint::FromGguf(*std::move(parsed));
  }
  ModelConfig Config() {
    const absl::StatusOr<Checkpoint> opened = Open();
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? opened->config : ModelConfig();
  }
  std::string Key(const std::string& name) const { return absl::StrCat(architecture_, ".", name); }

 private:
  std::string architecture_;
  std::vector<std::function<void(GgufBuilder&)>> keys_;
  std::vector<std::string> tensors_;
  std::vector<std::byte> bytes_;
};

std::vector<int> Windows(const ModelConfig& config) {
  std::vector<int> windows;
  for (const LayerConfig& layer : config.layer_configs) windows.push_back(layer.window);
  return windows;
}

// The float whose four bytes are 1.
const double kOnes = std::bit_cast<float>(0x01010101);

TEST(GgufConfigTest, LlamaWithFactors) {
  const absl::StatusOr<Checkpoint> opened = Gguf("llama").Factors("rope_freqs.weight").Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(opened->interleaved_rotary);
  EXPECT_THAT(opened->tensors.Untaken(), IsEmpty()) << "the factors are in the configuration";
  const ModelConfig& config = opened->config;
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.kv_heads, 4);
  EXPECT_EQ(config.vocabulary, 2);
  EXPECT_EQ(config.norm_offset, 0);
  EXPECT_TRUE(config.tied_head);
  EXPECT_THAT(config.ropes[0].divisors, SizeIs(8));
  EXPECT_THAT(config.ropes[0].divisors, Each(kOnes));
  EXPECT_THAT(Windows(config), Each(0));
}

TEST(GgufConfigTest, LinearScaling) {
  const ModelConfig config = Gguf("llama")
                                 .Text("llama.rope.scaling.type", "linear")
                                 .Real("rope.scaling.factor", 4)
                                 .Config();
  EXPECT_THAT(config.ropes[0].divisors, Each(4.0));
  EXPECT_THAT(config.ropes[0].divisors, SizeIs(8));
  EXPECT_THAT(Gguf("llama").Text("llama.rope.scaling.type", "none").Config().ropes[0].divisors,
              IsEmpty());
}

TEST(GgufConfigTest, QwensRowsKeepTheirOrder) {
  const absl::StatusOr<Checkpoint> opened = Gguf("qwen2").Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_FALSE(opened->interleaved_rotary);
  EXPECT_FALSE(opened->config.qk_norm);
  EXPECT_TRUE(Gguf("qwen3").Config().qk_norm);
}

TEST(GgufConfigTest, Gemma2sConstants) {
  const ModelConfig config = Gguf("gemma2").Whole("attention.sliding_window", 512).Config();
  EXPECT_THAT(Windows(config), ElementsAre(512, 0, 512, 0, 512, 0));
  EXPECT_EQ(config.attention_soft_cap, 50);
  EXPECT_EQ(config.final_soft_cap, 30);
  EXPECT_EQ(config.norm_offset, 0) << "the converter has added it";
  EXPECT_EQ(config.embedding_scale, 8);
  EXPECT_EQ(config.attention_scale, 0.25);
  EXPECT_TRUE(config.post_norms);
  EXPECT_EQ(config.activation, Activation::kGeluTanh);
  EXPECT_THAT(Windows(Gguf("gemma2").Config()), Each(0)) << "4096, as long as the context";
  EXPECT_EQ(Gguf("gemma2").Real("attn_logit_softcapping", 20).Config().attention_soft_cap, 20);
}

TEST(GgufConfigTest, TheLargestGemmasScaleByWidth) {
  Gguf file("gemma2");
  file.Whole("attention.key_length", 32).Whole("attention.value_length", 32);
  EXPECT_EQ(file.Config().attention_scale, 1 / std::sqrt(32.0));
  Gguf large("gemma3", 62);
  large.Whole("attention.sliding_window", 512).Whole("attention.key_length", 32);
  EXPECT_EQ(large.Config().attention_scale, 0.25) << "64 wide, four heads";
  EXPECT_EQ(large.Real("attention.scale", 0.5).Config().attention_scale, 0.5);
}

TEST(GgufConfigTest, Gemma3sLocalRotation) {
  const ModelConfig config = Gguf("gemma3")
                                 .Whole("attention.sliding_window", 512)
                                 .Real("rope.freq_base", 1e6F)
                                 .Real("rope.scaling.factor", 8)
                                 .Config();
  ASSERT_THAT(config.ropes, SizeIs(2));
  EXPECT_EQ(config.ropes[0].theta, 1e6);
  EXPECT_THAT(config.ropes[0].divisors, Each(8.0));
  EXPECT_EQ(config.ropes[1], RopeConfig{.theta = 10000});
  EXPECT_THAT(Windows(config), ElementsAre(512, 512, 512, 512, 512, 0));
  EXPECT_EQ(config.layer_configs[0].rope, 1);
  EXPECT_EQ(config.layer_configs[5].rope, 0);
  EXPECT_TRUE(config.qk_norm);
}

TEST(GgufConfigTest, ThePatternMayBeInTheFile) {
  Gguf period("gemma3");
  period.Whole("attention.sliding_window", 512).Whole("attention.sliding_window_pattern", 3);
  EXPECT_THAT(Windows(period.Config()), ElementsAre(512, 512, 0, 512, 512, 0));
  Gguf list("gemma3");
  list.Whole("attention.sliding_window", 512)
      .Flags("attention.sliding_window_pattern", {true, false, false, false, false, true});
  EXPECT_THAT(Windows(list.Config()), ElementsAre(512, 0, 0, 0, 0, 512));
  Gguf short_list("gemma3");
  short_list.Whole("attention.sliding_window", 512)
      .Flags("attention.sliding_window_pattern", {true, false});
  EXPECT_EQ(short_list.Open().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(GgufConfigTest, SmolLm3SkipsEveryFourthRotation) {
  const ModelConfig config = Gguf("smollm3").Config();
  std::vector<int> ropes;
  for (const LayerConfig& layer : config.layer_configs) ropes.push_back(layer.rope);
  EXPECT_THAT(ropes, ElementsAre(0, 0, 0, -1, 0, 0));
}

TEST(GgufConfigTest, Phi3sShortFactors) {
  Gguf file("phi3");
  file.Whole("attention.sliding_window", 0).Whole("rope.scaling.original_context_length", 1024);
  file.Real("rope.scaling.attn_factor", 1.5F);
  file.Factors("rope_factors_long.weight").Factors("rope_factors_short.weight");
  const absl::StatusOr<Checkpoint> opened = file.Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->config.context_limit, 1024);
  EXPECT_EQ(opened->config.ropes[0].amplitude, 1.5);
  EXPECT_THAT(opened->config.ropes[0].divisors, Each(kOnes));
  EXPECT_THAT(opened->tensors.Untaken(), IsEmpty());
  EXPECT_THAT(Windows(Gguf("phi3").Whole("attention.sliding_window", 2047).Config()), Each(2047));
}

TEST(GgufConfigTest, WhatIsNotKnownIsRefusedByName) {
  const auto refused = [](Gguf file, absl::StatusCode code, const std::string& field) {
    const absl::Status status = file.Open().status();
    EXPECT_EQ(status.code(), code) << status;
    const std::optional<ErrorDetail> detail = DetailOf(status);
    ASSERT_TRUE(detail.has_value()) << status;
    EXPECT_THAT(detail->field, ::testing::HasSubstr(field));
  };
  const auto unknown = absl::StatusCode::kUnimplemented;
  refused(Gguf("mamba"), unknown, "general.architecture");
  refused(Gguf("mistral"), unknown, "general.architecture");
  refused(Gguf("llama").Whole("expert_count", 8), unknown, "llama.expert_count");
  refused(Gguf("llama").Text("llama.rope.scaling.type", "yarn"), unknown, "rope.scaling.type");
  refused(Gguf("llama").Real("attn_logit_softcapping", 50), unknown, "attn_logit_softcapping");
  refused(Gguf("llama").Real("residual_scale", 0.5), unknown, "llama.residual_scale");
  refused(Gguf("llama").Real("rope.scaling.attn_factor", 2), unknown, "attn_factor");
  refused(Gguf("llama").Whole("attention.value_length", 8), unknown, "value_length");
  refused(Gguf("qwen2").Whole("attention.sliding_window", 64), unknown, "sliding_window");
  refused(Gguf("gemma3").Whole("attention.sliding_window", 0), unknown, "sliding_window");
  refused(Gguf("gemma3"), absl::StatusCode::kNotFound, "sliding_window");
  refused(Gguf("phi3"), absl::StatusCode::kNotFound, "sliding_window");
  refused(Gguf("phi3").Whole("attention.sliding_window", 0).Factors("rope_factors_short.weight"),
          absl::StatusCode::kNotFound, "attn_factor");
}

}  // namespace
}  // namespace steer

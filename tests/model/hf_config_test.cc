#include "core/model/hf_config.h"

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/model/hf_configs.h"

namespace steer {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

HfConfig Parsed(const Json& json) {
  absl::StatusOr<HfConfig> config = ParseHfConfig(json.dump());
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *std::move(config) : HfConfig();
}

// The status for `json` with some fields replaced.
absl::Status With(Json json, const char* changes) {
  json.update(Json::parse(changes));
  return ParseHfConfig(json.dump()).status();
}

std::string FieldOf(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = DetailOf(status);
  return detail ? detail->field : "no detail";
}

std::vector<int> Windows(const ModelConfig& config) {
  std::vector<int> windows;
  for (const LayerConfig& layer : config.layer_configs) windows.push_back(layer.window);
  return windows;
}

std::vector<int> Ropes(const ModelConfig& config) {
  std::vector<int> ropes;
  for (const LayerConfig& layer : config.layer_configs) ropes.push_back(layer.rope);
  return ropes;
}

TEST(HfConfigTest, Llama2) {
  const HfConfig config = Parsed(kLlama2);
  const ModelConfig& model = config.model;
  EXPECT_EQ(model.architecture, "llama");
  EXPECT_EQ(model.layers, 32);
  EXPECT_EQ(model.hidden, 4096);
  EXPECT_EQ(model.ffn, 11008);
  EXPECT_EQ(model.heads, 32);
  EXPECT_EQ(model.kv_heads, 32);
  EXPECT_EQ(model.head_dim, 128);
  EXPECT_EQ(model.rotary_dim, 128);
  EXPECT_EQ(model.vocabulary, 32000);
  EXPECT_EQ(model.context_limit, 4096);
  EXPECT_EQ(model.norm_epsilon, 1e-5);
  EXPECT_EQ(model.norm_offset, 0);
  EXPECT_EQ(model.attention_scale, 1 / std::sqrt(128.0));
  EXPECT_EQ(model.embedding_scale, 1);
  EXPECT_EQ(model.activation, Activation::kSilu);
  EXPECT_FALSE(model.tied_head);
  EXPECT_FALSE(model.qk_norm);
  EXPECT_FALSE(model.post_norms);
  EXPECT_THAT(model.ropes, ElementsAre(RopeConfig{.theta = 10000}));
  EXPECT_THAT(Windows(model), Each(0));
  EXPECT_FALSE(config.qkv_bias || config.output_bias || config.mlp_bias || config.multimodal);
}

TEST(HfConfigTest, Llama32StretchesLongWaves) {
  const ModelConfig model = Parsed(kLlama32).model;
  EXPECT_TRUE(model.tied_head);
  EXPECT_EQ(model.context_limit, 131072);
  ASSERT_THAT(model.ropes, SizeIs(1));
  EXPECT_EQ(model.ropes[0].theta, 500000);
  const std::vector<double>& divisors = model.ropes[0].divisors;
  ASSERT_THAT(divisors, SizeIs(32));
  int kept = 0, between = 0, stretched = 0;
  for (int pair = 0; pair < 32; ++pair) {
    const double turns =
        8192 / (2 * std::numbers::pi * std::pow(500000, 2.0 * pair / 64));  // in 8192 positions
    if (turns > 4) {
      EXPECT_EQ(divisors[pair], 1) << pair;
      ++kept;
    } else if (turns < 1) {
      EXPECT_EQ(divisors[pair], 32) << pair;
      ++stretched;
    } else {
      const double smooth = (turns - 1) / 3;
      EXPECT_THAT(1 / divisors[pair], DoubleNear((1 - smooth) / 32 + smooth, 1e-12)) << pair;
      ++between;
    }
  }
  EXPECT_GT(kept, 0);
  EXPECT_GT(between, 0);
  EXPECT_GT(stretched, 0);
}

TEST(HfConfigTest, BothFormsOfRopeFieldsAreOne) {
  for (const Json& older : {kLlama2, kLlama32, kMistral01, kQwen25, kSmolLm3, Phi4Mini()}) {
    Json newer = older;
    newer["rope_parameters"] = Json::object({{"rope_theta", older.value("rope_theta", 10000.0)}});
    if (older.contains("rope_scaling") && older["rope_scaling"].is_object()) {
      newer["rope_parameters"].update(older["rope_scaling"]);
    }
    if (older.contains("partial_rotary_factor")) {
      newer["rope_parameters"]["partial_rotary_factor"] = older["partial_rotary_factor"];
    }
    newer.erase("rope_theta");
    newer.erase("rope_scaling");
    newer.erase("partial_rotary_factor");
    EXPECT_EQ(Parsed(newer).model.ropes, Parsed(older).model.ropes) << older["model_type"];
    EXPECT_EQ(Parsed(newer).model.rotary_dim, Parsed(older).model.rotary_dim);
  }
}

TEST(HfConfigTest, LinearScaling) {
  Json json = kLlama2;
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};
  const ModelConfig model = Parsed(json).model;
  EXPECT_THAT(model.ropes[0].divisors, SizeIs(64));
  EXPECT_THAT(model.ropes[0].divisors, Each(4.0));
}

TEST(HfConfigTest, MistralsWindowMayBeNull) {
  EXPECT_THAT(Windows(Parsed(kMistral01).model), Each(4096));
  Json json = kMistral01;
  json["sliding_window"] = nullptr;
  EXPECT_THAT(Windows(Parsed(json).model), Each(0));
  json.erase("sliding_window");
  EXPECT_THAT(Windows(Parsed(json).model), Each(4096)) << "the default of the class";
  json["sliding_window"] = 32768;
  EXPECT_THAT(Windows(Parsed(json).model), Each(0)) << "nothing can leave it";
}

TEST(HfConfigTest, Qwen2HasBiasesAndRarelyAWindow) {
  const HfConfig config = Parsed(kQwen25);
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_FALSE(config.output_bias);
  EXPECT_FALSE(config.mlp_bias);
  EXPECT_EQ(config.model.kv_heads, 4);
  EXPECT_THAT(Windows(config.model), Each(0));

  Json json = kQwen25;
  json.update(Json::parse(
      R"({"num_hidden_layers": 4, "max_window_layers": 3, "use_sliding_window": true,
          "sliding_window": 1024})"));
  EXPECT_THAT(Windows(Parsed(json).model), ElementsAre(0, 0, 0, 1024));
  json["layer_types"] = {"sliding_attention", "full_attention", "full_attention", "full_attention"};
  EXPECT_THAT(Windows(Parsed(json).model), ElementsAre(1024, 0, 0, 0));
}

TEST(HfConfigTest, Qwen3NormsQueriesAndKeys) {
  const HfConfig config = Parsed(kQwen3);
  EXPECT_TRUE(config.model.qk_norm);
  EXPECT_EQ(config.model.head_dim, 128) << "not hidden / heads";
  EXPECT_FALSE(config.qkv_bias);
  Json json = kQwen3;
  json.erase("head_dim");
  EXPECT_EQ(Parsed(json).model.head_dim, 128);
  json["attention_bias"] = true;
  EXPECT_TRUE(Parsed(json).qkv_bias);
  EXPECT_TRUE(Parsed(json).output_bias);
}

TEST(HfConfigTest, Gemma2) {
  const ModelConfig model = Parsed(kGemma2).model;
  EXPECT_TRUE(model.post_norms);
  EXPECT_FALSE(model.qk_norm);
  EXPECT_TRUE(model.tied_head) << "the default of the class";
  EXPECT_EQ(model.activation, Activation::kGeluTanh);
  EXPECT_EQ(model.norm_offset, 1);
  EXPECT_EQ(model.attention_scale, 1 / std::sqrt(144.0)) << "not of the head dimension";
  EXPECT_EQ(model.attention_soft_cap, 50);
  EXPECT_EQ(model.final_soft_cap, 30);
  EXPECT_EQ(model.embedding_scale, std::sqrt(4608.0));
  const std::vector<int> windows = Windows(model);
  for (int layer = 0; layer < 46; ++layer) EXPECT_EQ(windows[layer], layer % 2 == 0 ? 4096 : 0);
  EXPECT_THAT(model.kv_groups(), SizeIs(2));

  Json json = kGemma2;
  json["attn_logit_softcapping"] = nullptr;
  json.erase("final_logit_softcapping");
  EXPECT_EQ(Parsed(json).model.attention_soft_cap, 0);
  EXPECT_EQ(Parsed(json).model.final_soft_cap, 30);
}

TEST(HfConfigTest, Gemma3HasTwoRotations) {
  const ModelConfig model = Parsed(kGemma3Text).model;
  EXPECT_EQ(model.architecture, "gemma3");
  EXPECT_TRUE(model.qk_norm);
  EXPECT_TRUE(model.post_norms);
  EXPECT_EQ(model.attention_soft_cap, 0);
  EXPECT_EQ(model.final_soft_cap, 0);
  EXPECT_THAT(model.ropes, ElementsAre(RopeConfig{.theta = 1e6}, RopeConfig{.theta = 1e4}));
  for (int layer = 0; layer < 26; ++layer) {
    const LayerConfig expected = layer % 6 == 5 ? LayerConfig{.window = 0, .rope = 0}
                                                : LayerConfig{.window = 512, .rope = 1};
    EXPECT_EQ(model.layer_configs[layer], expected) << layer;
  }

  Json newer = kGemma3Text;
  for (const char* key :
       {"rope_theta", "rope_local_base_freq", "rope_scaling", "sliding_window_pattern"}) {
    newer.erase(key);
  }
  newer["rope_parameters"] = Json::parse(R"({
      "full_attention": {"rope_theta": 1000000.0, "rope_type": "default"},
      "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"}})");
  newer["_sliding_window_pattern"] = 6;
  newer["layer_types"] = Json::array();
  for (int layer = 0; layer < 26; ++layer) {
    newer["layer_types"].push_back(layer % 6 == 5 ? "full_attention" : "sliding_attention");
  }
  EXPECT_EQ(Parsed(newer).model.ropes, model.ropes);
  EXPECT_EQ(Parsed(newer).model.layer_configs, model.layer_configs);
}

TEST(HfConfigTest, Gemma3sTextHalf) {
  const HfConfig config = Parsed(kGemma3);
  EXPECT_TRUE(config.multimodal);
  const ModelConfig& model = config.model;
  EXPECT_EQ(model.heads, 8);
  EXPECT_EQ(model.kv_heads, 4);
  EXPECT_EQ(model.head_dim, 256);
  EXPECT_EQ(model.vocabulary, 262208);
  EXPECT_EQ(model.context_limit, 131072);
  EXPECT_EQ(model.norm_epsilon, 1e-6);
  ASSERT_THAT(model.ropes, SizeIs(2));
  EXPECT_THAT(model.ropes[0].divisors, Each(8.0));
  EXPECT_THAT(model.ropes[0].divisors, SizeIs(128));
  EXPECT_THAT(model.ropes[1].divisors, IsEmpty()) << "the global layers alone are scaled";
}

TEST(HfConfigTest, SmolLm) {
  EXPECT_EQ(Parsed(kSmolLm2).model.architecture, "llama");
  const ModelConfig model = Parsed(kSmolLm3).model;
  EXPECT_EQ(model.ropes[0].theta, 5e6);
  EXPECT_TRUE(model.tied_head);
  for (int layer = 0; layer < 36; ++layer) {
    EXPECT_EQ(model.layer_configs[layer].rope, layer % 4 == 3 ? -1 : 0) << layer;
  }
  Json json = kSmolLm3;
  json["num_hidden_layers"] = 3;
  json["no_rope_layers"] = {0, 1, 1, 0};
  EXPECT_THAT(Ropes(Parsed(json).model), ElementsAre(-1, 0, 0));
  json["use_sliding_window"] = true;
  json["sliding_window"] = 64;
  EXPECT_THAT(Windows(Parsed(json).model), ElementsAre(64, 0, 0)) << "layers that do not rotate";
}

TEST(HfConfigTest, Phi3) {
  const ModelConfig mini = Parsed(kPhi3).model;
  EXPECT_THAT(Windows(mini), Each(2047));
  EXPECT_EQ(mini.rotary_dim, 96);
  EXPECT_EQ(mini.context_limit, 4096);

  const ModelConfig long_one = Parsed(Phi4Mini()).model;
  EXPECT_EQ(long_one.head_dim, 128);
  EXPECT_EQ(long_one.rotary_dim, 96);
  EXPECT_EQ(long_one.context_limit, 4096) << "as far as the short factors hold";
  EXPECT_THAT(Windows(long_one), Each(0));
  EXPECT_THAT(long_one.ropes[0].divisors, Each(1.0));
  EXPECT_THAT(long_one.ropes[0].amplitude,
              DoubleNear(std::sqrt(1 + std::log(32.0) / std::log(4096.0)), 1e-12));
}

struct Refusal {
  const char* name;
  const Json* json;
  const char* changes;
  const char* field;
};

class HfConfigRefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(HfConfigRefusalTest, NamesTheField) {
  const absl::Status status = With(*GetParam().json, GetParam().changes);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_EQ(FieldOf(status), GetParam().field) << status;
}

INSTANTIATE_TEST_SUITE_P(
    Features, HfConfigRefusalTest,
    ::testing::Values(
        Refusal{"family", &kLlama2, R"({"model_type": "mixtral"})", "model_type"},
        Refusal{"class", &kLlama2, R"({"architectures": ["LlamaForSequenceClassification"]})",
                "architectures"},
        Refusal{"quantized", &kLlama2, R"({"quantization_config": {"bits": 4}})",
                "quantization_config"},
        Refusal{"yarn", &kQwen25, R"({"rope_scaling": {"type": "yarn", "factor": 4.0}})",
                "rope_scaling.rope_type"},
        Refusal{"dynamic", &kLlama2, R"({"rope_scaling": {"type": "dynamic", "factor": 2.0}})",
                "rope_scaling.rope_type"},
        Refusal{"longrope", &kLlama2, R"({"rope_scaling": {"rope_type": "longrope"}})",
                "rope_scaling.rope_type"},
        Refusal{"sections", &kQwen25,
                R"({"rope_scaling": {"type": "default", "mrope_section": [16, 24, 24]}})",
                "rope_scaling.'mrope_section'"},
        Refusal{"experts", &kQwen3, R"({"num_experts": 128})", "'num_experts'"},
        Refusal{"activation", &kLlama2, R"({"hidden_act": "gelu"})", "hidden_act"},
        Refusal{"exact_gelu", &kGemma2, R"({"hidden_activation": "gelu"})", "hidden_activation"},
        Refusal{"layer_type", &kQwen3,
                R"({"num_hidden_layers": 1, "layer_types": ["chunked_attention"]})", "layer_types"},
        Refusal{"bidirectional", &kGemma3Text, R"({"use_bidirectional_attention": true})",
                "use_bidirectional_attention"},
        Refusal{"interleaved", &kSmolLm2, R"({"rope_interleaved": true})", "rope_interleaved"},
        Refusal{"partial", &kLlama2, R"({"partial_rotary_factor": 0.5})", "partial_rotary_factor"},
        Refusal{"head_bias", &kPhi3, R"({"lm_head_bias": true})", "lm_head_bias"},
        Refusal{"bias", &kMistral01, R"({"attention_bias": true})", "attention_bias"},
        Refusal{"window", &kLlama2, R"({"sliding_window": 4096})", "'sliding_window'"},
        Refusal{"unknown", &kLlama2, R"({"residual_multiplier": 0.22})", "'residual_multiplier'"},
        Refusal{"even_if_false", &kLlama2, R"({"some_switch": false})", "'some_switch'"},
        Refusal{"around", &kGemma3, R"({"audio_config": {}})", "'audio_config'"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(HfConfigTest, WhatIsWrongIsNamed) {
  const auto expect = [](const absl::Status& status, const char* field) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(FieldOf(status), field) << status;
  };
  expect(ParseHfConfig("[]").status(), "config.json");
  expect(ParseHfConfig("{\"model_type\": ").status(), "config.json");
  expect(With(kLlama2, R"({"hidden_size": null})"), "hidden_size");
  expect(With(kLlama2, R"({"hidden_size": 4096.5})"), "hidden_size");
  expect(With(kLlama2, R"({"hidden_size": "4096"})"), "hidden_size");
  expect(With(kLlama2, R"({"num_hidden_layers": 100000})"), "num_hidden_layers");
  expect(With(kLlama2, R"({"num_key_value_heads": 5})"), "key and value heads");
  expect(With(kLlama2, R"({"rms_norm_eps": 0})"), "rms_norm_eps");
  expect(With(kLlama2, R"({"rope_theta": 0.5})"), "RoPE base");
  expect(With(kLlama2, R"({"rope_scaling": {"type": "linear"}})"), "rope_scaling.factor");
  expect(With(kLlama2, R"({"rope_scaling": {"type": "linear", "rope_type": "llama3"}})"),
         "rope_scaling.type");
  expect(With(kLlama32, R"({"rope_parameters": {"rope_theta": 1e4}})"), "rope_parameters");
  expect(With(kQwen3, R"({"layer_types": ["full_attention"]})"), "layer_types");
  expect(With(kQwen3, R"({"num_hidden_layers": 1, "layer_types": ["sliding_attention"]})"),
         "layer_types");
  expect(With(kGemma2, R"({"sliding_window_pattern": 3})"), "sliding_window_pattern");
  expect(With(kGemma3, R"({"text_config": null})"), "text_config");
  expect(With(Phi4Mini(), R"({"rope_scaling": {"type": "longrope", "short_factor": [1.0]}})"),
         "rope_scaling.short_factor");
}

}  // namespace
}  // namespace steer

#include "core/model/checkpoint.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/host_tensor.h"
#include "core/base/status.h"
#include "core/files/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Tensors = std::map<std::string, HostTensor>;

// A folder with one layer of hidden 4, two heads and one for keys and values, ffn 6.
class CheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "checkpoint.XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    config_ = Json::parse(R"({"model_type": "llama", "hidden_size": 4, "intermediate_size": 6,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        "vocab_size": 3, "tie_word_embeddings": false})");
    Add("model.embed_tokens.weight", {3, 4});
    Add("model.norm.weight", {4});
    Add("lm_head.weight", {3, 4});
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) InLayer(norm, {4});
    InLayer("self_attn.q_proj", {4, 4});
    InLayer("self_attn.k_proj", {2, 4});
    InLayer("self_attn.v_proj", {2, 4});
    InLayer("self_attn.o_proj", {4, 4});
    InLayer("mlp.gate_proj", {6, 4});
    InLayer("mlp.up_proj", {6, 4});
    InLayer("mlp.down_proj", {4, 6});
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Add(const std::string& name, std::vector<int64_t> shape) {
    std::vector<float> values;
    for (int64_t i = 0; i < *ElementCount(shape); ++i) values.push_back(next_++);
    tensors_[name] = HostTensor::FromFloats(shape, values);
  }
  void InLayer(const std::string& name, std::vector<int64_t> shape) {
    Add(absl::StrCat("model.layers.0.", name, ".weight"), std::move(shape));
  }

  absl::StatusOr<Checkpoint> Open() {
    std::ofstream(folder_ / "config.json") << config_.dump();
    std::ofstream(folder_ / "model.safetensors", std::ios::binary)
        << WriteSafetensors({}, tensors_);
    return Checkpoint::Open(folder_.string());
  }
  std::vector<std::string> Names() {
    const absl::StatusOr<Checkpoint> opened = Open();
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? opened->tensors.Untaken() : std::vector<std::string>();
  }

  std::filesystem::path folder_;
  Json config_;
  Tensors tensors_;
  float next_ = 0;
};

std::vector<float> Values(Checkpoint& checkpoint, const std::string& name,
                          const std::vector<int64_t>& shape) {
  const absl::StatusOr<StoredTensor> stored = checkpoint.tensors.Take(name, shape);
  EXPECT_TRUE(stored.ok()) << stored.status();
  return stored.ok() ? ToFloats(DType::kF32, stored->bytes) : std::vector<float>();
}

TEST_F(CheckpointTest, HasTheNamesOfAGguf) {
  EXPECT_THAT(
      Names(),
      ElementsAre("blk.0.attn_k.weight", "blk.0.attn_norm.weight", "blk.0.attn_output.weight",
                  "blk.0.attn_q.weight", "blk.0.attn_v.weight", "blk.0.ffn_down.weight",
                  "blk.0.ffn_gate.weight", "blk.0.ffn_norm.weight", "blk.0.ffn_up.weight",
                  "output.weight", "output_norm.weight", "token_embd.weight"));
  const absl::StatusOr<Checkpoint> opened = Open();
  EXPECT_EQ(opened->config.name, folder_.filename().string());
  EXPECT_FALSE(opened->interleaved_rotary);
  EXPECT_NE(opened->folder, nullptr);
  EXPECT_EQ(opened->gguf, nullptr);
}

TEST_F(CheckpointTest, WhatNobodyKnowsKeepsItsName) {
  Add("model.layers.0.self_attn.sinks", {2});
  Add("model.layers.0.self_attn.rotary_emb.inv_freq", {1});
  EXPECT_THAT(Names(), Contains("model.layers.0.self_attn.sinks"));
  EXPECT_THAT(Names(), Not(Contains(HasSubstr("inv_freq")))) << "the reference ignores it too";
}

TEST_F(CheckpointTest, FusedProjectionsAreViewsOfTheirRows) {
  config_["model_type"] = "phi3";
  for (const char* name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                           "mlp.gate_proj", "mlp.up_proj"}) {
    tensors_.erase(absl::StrCat("model.layers.0.", name, ".weight"));
  }
  next_ = 100;
  InLayer("self_attn.qkv_proj", {8, 4});
  InLayer("mlp.gate_up_proj", {12, 4});
  absl::StatusOr<Checkpoint> opened = Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(Values(*opened, "blk.0.attn_q.weight", {4, 4}).front(), 100);
  EXPECT_EQ(Values(*opened, "blk.0.attn_k.weight", {2, 4}).front(), 116);
  EXPECT_EQ(Values(*opened, "blk.0.attn_v.weight", {2, 4}).front(), 124);
  EXPECT_EQ(Values(*opened, "blk.0.ffn_gate.weight", {6, 4}).front(), 132);
  EXPECT_EQ(Values(*opened, "blk.0.ffn_up.weight", {6, 4}).back(), 179);

  InLayer("self_attn.qkv_proj", {9, 4});
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr("attn_qkv"));
}

TEST_F(CheckpointTest, GemmasNormsStandBehindToo) {
  config_["model_type"] = "gemma2";
  config_["tie_word_embeddings"] = true;
  config_["head_dim"] = 2;
  tensors_.erase("lm_head.weight");
  InLayer("pre_feedforward_layernorm", {4});
  InLayer("post_feedforward_layernorm", {4});
  next_ = 500;
  InLayer("post_attention_layernorm", {4});
  absl::StatusOr<Checkpoint> opened = Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(Values(*opened, "blk.0.post_attention_norm.weight", {4}).front(), 500);
  EXPECT_TRUE(opened->tensors.Contains("blk.0.ffn_norm.weight"));
  EXPECT_TRUE(opened->tensors.Contains("blk.0.post_ffw_norm.weight"));
}

TEST_F(CheckpointTest, TheTextHalfOfAModelThatSees) {
  for (const bool older : {true, false}) {
    Tensors seeing;
    for (const auto& [name, tensor] : tensors_) {
      if (name == "lm_head.weight") continue;
      seeing[older ? "language_model." + name : "model.language_model." + name.substr(6)] = tensor;
    }
    seeing[older ? "vision_tower.x" : "model.vision_tower.x"] = tensors_["model.norm.weight"];
    for (const char* norm : {"pre_feedforward_layernorm", "post_feedforward_layernorm"}) {
      seeing[absl::StrCat(older ? "language_model.model" : "model.language_model", ".layers.0.",
                          norm, ".weight")] = tensors_["model.norm.weight"];
    }
    std::swap(seeing, tensors_);
    Json text = config_;
    text["model_type"] = "gemma3_text";
    text.erase("tie_word_embeddings");
    std::swap(config_, text);
    config_ = {{"model_type", "gemma3"}, {"text_config", config_}};
    EXPECT_THAT(Names(), Contains("blk.0.post_attention_norm.weight"));
    EXPECT_THAT(Names(), Not(Contains(HasSubstr("model")))) << "all names are known";
    std::swap(seeing, tensors_);
    std::swap(config_, text);
  }
}

TEST_F(CheckpointTest, ATiedHeadThatIsStoredIsTheEmbedding) {
  config_["tie_word_embeddings"] = true;
  EXPECT_EQ(DetailOf(Open().status())->field, "lm_head.weight");
  tensors_["lm_head.weight"] = tensors_["model.embed_tokens.weight"];
  EXPECT_THAT(Names(), Not(Contains("output.weight")));
}

TEST_F(CheckpointTest, BiasesAreWhereTheConfigSays) {
  config_["mlp_bias"] = true;
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr("ffn_gate.bias"));
  Add("model.layers.0.mlp.gate_proj.bias", {6});
  Add("model.layers.0.mlp.up_proj.bias", {6});
  Add("model.layers.0.mlp.down_proj.bias", {4});
  EXPECT_THAT(Names(), Contains("blk.0.ffn_down.bias"));
  config_["mlp_bias"] = false;
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr("ffn_gate.bias"));
}

TEST_F(CheckpointTest, ErrorsNameTheFile) {
  config_["hidden_act"] = "relu";
  const absl::Status status = Open().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("config.json: hidden_act"));
  EXPECT_EQ(Checkpoint::Open(folder_.string() + "/nothing").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace steer

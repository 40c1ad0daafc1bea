#include "core/runtime/generation_config.h"

#include <unistd.h>

#include <fstream>
#include <limits>
#include <string>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/files/gguf_builder.h"

namespace steer {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

constexpr uint32_t kInt32 = 5;
constexpr uint32_t kFloat32 = 6;
constexpr uint32_t kString = 8;

absl::StatusOr<GenerationConfig> FromGguf(const GgufBuilder& file) {
  const auto parsed = GgufFile::Parse(file.bytes());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return GenerationConfigOf(**parsed);
}

GgufBuilder OneFloat(absl::string_view key, float value) {
  GgufBuilder file(0, 1);
  file.Key(key, kFloat32).Number(value);
  return file;
}

// A file of its own for each test.
class GenerationConfigFileTest : public ::testing::Test {
 protected:
  void TearDown() override { ::unlink(path_.c_str()); }
  absl::StatusOr<GenerationConfig> Read(const std::string& text) {
    std::ofstream(path_, std::ios::trunc | std::ios::binary) << text;
    return ReadGenerationConfig(path_);
  }
  // Refuses `text` and names the file and the key.
  void ExpectRefused(const std::string& text, const std::string& key) {
    const absl::Status status = Read(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("generation_config_"));
    ASSERT_TRUE(DetailOf(status).has_value()) << text;
    EXPECT_EQ(DetailOf(status)->field, key) << text;
    EXPECT_NE(DetailOf(status)->allowed, "");
  }
  std::string path_ = ::testing::TempDir() + "generation_config_" + std::to_string(::getpid());
};

TEST(GenerationConfigOfTest, EveryKey) {
  GgufBuilder file(0, 5);
  file.Key("general.sampling.temp", kFloat32).Number(0.5f);
  file.Key("general.sampling.top_k", kInt32).Number(int32_t{40});
  file.Key("general.sampling.top_p", kFloat32).Number(0.75f);
  file.Key("general.sampling.min_p", kFloat32).Number(0.125f);
  file.Key("general.sampling.penalty_repeat", kFloat32).Number(1.25f);
  const auto config = FromGguf(file);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->temperature, Optional(0.5));
  EXPECT_THAT(config->top_k, Optional(40));
  EXPECT_THAT(config->top_p, Optional(0.75));
  EXPECT_THAT(config->min_p, Optional(0.125));
  EXPECT_THAT(config->repetition_penalty, Optional(1.25));
}

TEST(GenerationConfigOfTest, AbsentKeysStayUnset) {
  const auto config = FromGguf(OneFloat("general.sampling.temp", 0));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->temperature, Optional(0.0));
  EXPECT_EQ(config->top_k, std::nullopt);
  EXPECT_EQ(config->top_p, std::nullopt);
  EXPECT_EQ(config->min_p, std::nullopt);
  EXPECT_EQ(config->repetition_penalty, std::nullopt);
}

TEST(GenerationConfigOfTest, RefusalsNameTheKey) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<std::string, float>> wrong = {
      {"general.sampling.temp", -1},    {"general.sampling.temp", nan},
      {"general.sampling.top_k", -1},   {"general.sampling.top_k", 1.5},
      {"general.sampling.top_k", 3e9f}, {"general.sampling.top_k", nan},
      {"general.sampling.top_p", 0},    {"general.sampling.top_p", 1.5},
      {"general.sampling.min_p", 2},    {"general.sampling.penalty_repeat", 0},
  };
  for (const auto& [key, value] : wrong) {
    const absl::Status status = FromGguf(OneFloat(key, value)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << key << " " << value;
    ASSERT_TRUE(DetailOf(status).has_value()) << key << " " << value;
    EXPECT_EQ(DetailOf(status)->field, key);
  }
  GgufBuilder text(0, 1);
  text.Key("general.sampling.top_p", kString).Text("much");
  const absl::Status status = FromGguf(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("general.sampling.top_p"));
}

TEST_F(GenerationConfigFileTest, AFileAsModelsComeWith) {
  const auto config = Read(R"({"_from_model_config": true, "bos_token_id": 1, "do_sample": true,
    "eos_token_id": [2, 7], "temperature": 0.6, "top_k": 20, "top_p": 0.95, "min_p": 0.05,
    "repetition_penalty": 1.1, "transformers_version": "4.51.0", "max_new_tokens": 2048})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->temperature, Optional(0.6));
  EXPECT_THAT(config->top_k, Optional(20));
  EXPECT_THAT(config->top_p, Optional(0.95));
  EXPECT_THAT(config->min_p, Optional(0.05));
  EXPECT_THAT(config->repetition_penalty, Optional(1.1));
}

TEST_F(GenerationConfigFileTest, WithoutSamplingItIsGreedyWhateverTheTemperature) {
  EXPECT_THAT(Read(R"({"do_sample": false})")->temperature, Optional(0.0));
  const auto config = Read(R"({"do_sample": false, "temperature": 0.7, "top_k": 50})");
  EXPECT_THAT(config->temperature, Optional(0.0));
  EXPECT_THAT(config->top_k, Optional(50));
}

TEST_F(GenerationConfigFileTest, AbsentAndNullStayUnset) {
  for (const char* text : {"{}", R"({"temperature": null, "top_k": null, "do_sample": null})"}) {
    const auto config = Read(text);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->temperature, std::nullopt);
    EXPECT_EQ(config->top_k, std::nullopt);
  }
}

TEST_F(GenerationConfigFileTest, RefusalsNameFileAndKey) {
  ExpectRefused(R"({"temperature": -0.5})", "temperature");
  ExpectRefused(R"({"temperature": "hot"})", "temperature");
  ExpectRefused(R"({"temperature": 101, "do_sample": false})", "temperature");
  ExpectRefused(R"({"temperature": 0.5, "top_k": 2.5})", "top_k");
  ExpectRefused(R"({"top_k": -1})", "top_k");
  ExpectRefused(R"({"top_k": 4294967296})", "top_k");
  ExpectRefused(R"({"top_k": true})", "top_k");
  ExpectRefused(R"({"top_k": 5, "top_p": 0})", "top_p");
  ExpectRefused(R"({"min_p": 1.01})", "min_p");
  ExpectRefused(R"({"repetition_penalty": [1]})", "repetition_penalty");
  ExpectRefused(R"({"repetition_penalty": 11})", "repetition_penalty");
  ExpectRefused(R"({"do_sample": "no"})", "do_sample");
  for (const std::string& text : {std::string("{"), std::string("[]"), std::string("7"),
                                  std::string("\xFF{}"), std::string(1 << 20, '[') + "]"}) {
    ExpectRefused(text, "generation_config.json");
  }
}

TEST_F(GenerationConfigFileTest, DepthCostsNoStack) {
  constexpr size_t kDeep = 500'000;
  const std::string open(kDeep, '[');
  const std::string close(kDeep, ']');
  EXPECT_TRUE(Read("{\"top_k\": 7, \"a\": " + open + close + "}").ok());
  ExpectRefused("{\"a\": " + open, "generation_config.json");
}

TEST_F(GenerationConfigFileTest, NoFile) {
  const absl::Status status = ReadGenerationConfig(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("generation_config_"));
  EXPECT_EQ(ReadGenerationConfig(::testing::TempDir()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace steer

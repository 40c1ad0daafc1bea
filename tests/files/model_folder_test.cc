#include "core/files/model_folder.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/base/host_tensor.h"
#include "core/files/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFirst[] = "model-00001-of-00002.safetensors";
constexpr char kSecond[] = "model-00002-of-00002.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

class ModelFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "folder.XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
    Write("config.json", "{}");
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  void WriteTensors(const std::string& name, const std::vector<std::string>& tensors) {
    std::map<std::string, HostTensor> stored;
    for (const std::string& tensor : tensors) {
      stored[tensor] = HostTensor::FromFloats({2}, std::vector<float>{1, 2});
    }
    Write(name, WriteSafetensors({}, stored));
  }
  // Two shards as the index says.
  void WriteShards() {
    WriteTensors(kFirst, {"a", "b"});
    WriteTensors(kSecond, {"c"});
    WriteIndex(kSecond);
  }
  void WriteIndex(const std::string& shard_of_c) {
    Write(kIndex, R"({"metadata": {"total_size": 24}, "weight_map": {"a": ")" +
                      std::string(kFirst) + R"(", "b": ")" + kFirst + R"(", "c": ")" + shard_of_c +
                      R"("}})");
  }

  std::shared_ptr<const ModelFolder> Open() {
    auto folder = ModelFolder::Open(path_.string());
    EXPECT_TRUE(folder.ok()) << folder.status();
    return folder.ok() ? *std::move(folder) : nullptr;
  }
  absl::Status Refused() { return Open()->Tensors().status(); }

  std::filesystem::path path_;
};

void ExpectNamed(const absl::Status& status, absl::StatusCode code, const std::string& what) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(what));
}

TEST_F(ModelFolderTest, IsAFolderWithAConfig) {
  EXPECT_EQ(Open()->path(), path_.string());
  std::filesystem::remove(path_ / "config.json");
  ExpectNamed(ModelFolder::Open(path_.string()).status(), absl::StatusCode::kNotFound,
              "config.json");
}

TEST_F(ModelFolderTest, ReadsTextsThatAreUtf8) {
  Write("chat_template.jinja", "{{ 'Grüße, 世界 \xf0\x9f\x8c\x8d' }}");
  const auto text = Open()->Text("chat_template.jinja");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->value_or(""), "{{ 'Grüße, 世界 \xf0\x9f\x8c\x8d' }}");
  const auto absent = Open()->Text("tokenizer.json");
  ASSERT_TRUE(absent.ok()) << absent.status();
  EXPECT_FALSE(absent->has_value());

  for (const char* bad : {"ab\xff", "ab\xc3", "ab\xc0\xaf", "ab\xe0\x80\x80", "ab\xed\xa0\x80",
                          "ab\xf4\x90\x80\x80", "ab\xf0\x9f\x8c", "ab\x80", "ab\xe4\xb8z"}) {
    Write("bad.txt", bad);
    ExpectNamed(Open()->Text("bad.txt").status(), absl::StatusCode::kInvalidArgument, "byte 2");
  }
}

TEST_F(ModelFolderTest, OneFileOrShards) {
  ExpectNamed(Refused(), absl::StatusCode::kNotFound, "model.safetensors");
  WriteTensors("model.safetensors", {"x", "y"});
  EXPECT_THAT(Open()->Tensors()->Untaken(), ElementsAre("x", "y"));
  WriteShards();
  const absl::StatusOr<TensorMap> tensors = Open()->Tensors();
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_THAT(tensors->Untaken(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(tensors->Find("a")->file, tensors->Find("b")->file) << "a shard is mapped once";
}

TEST_F(ModelFolderTest, AShardThatIsMissing) {
  WriteShards();
  std::filesystem::remove(path_ / kSecond);
  ExpectNamed(Refused(), absl::StatusCode::kNotFound, kSecond);
}

TEST_F(ModelFolderTest, ATensorThatIsMissingOrElsewhereOrTwice) {
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  WriteShards();
  WriteTensors(kFirst, {"a"});
  ExpectNamed(Refused(), kInvalid, "no tensor 'b'");
  WriteTensors(kFirst, {"a", "b", "c"});
  ExpectNamed(Refused(), kInvalid, "tensor 'c'");
  WriteTensors(kFirst, {"a", "b"});
  WriteTensors(kSecond, {"c", "d"});
  ExpectNamed(Refused(), kInvalid, "tensor 'd'");
  WriteTensors(kSecond, {"c"});
  WriteIndex(kFirst);
  ExpectNamed(Refused(), kInvalid, "no tensor 'c'");
}

TEST_F(ModelFolderTest, AnIndexThatIsNone) {
  WriteShards();
  for (const char* bad : {"", "[]", "{", "{}", R"({"weight_map": []})", R"({"weight_map": {}})"}) {
    Write(kIndex, bad);
    ExpectNamed(Refused(), absl::StatusCode::kInvalidArgument, "weight_map");
  }
  // What leads out of the folder, or is no weights at all.
  for (const char* shard : {R"("../model.safetensors")", R"("/etc/x.safetensors")", R"("..")",
                            R"("")", "3", "null", R"("x.safetensors\u0000")", R"("x.bin")"}) {
    Write(kIndex, std::string(R"({"weight_map": {"a": )") + shard + "}}");
    ExpectNamed(Refused(), absl::StatusCode::kInvalidArgument, "weight_map['a']");
  }
}

TEST_F(ModelFolderTest, WeightsAreFloats) {
  HostTensor integers;
  integers.dtype = DType::kI8;
  integers.shape = {2};
  integers.data.resize(2);
  Write("model.safetensors", WriteSafetensors({}, {{"w", integers}}));
  ExpectNamed(Refused(), absl::StatusCode::kUnimplemented, "w: got I8");
}

}  // namespace
}  // namespace steer

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/host_tensor.h"
#include "core/files/safetensors.h"
#include "core/model/checkpoint.h"
#include "core/model/decoder.h"
#include "gtest/gtest.h"
#include "tests/support/loaded_model.h"

namespace steer {
namespace {

// A field of /proc/self/status, in bytes.
int64_t Status(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    int64_t kilobytes = 0;
    if (words.size() >= 2 && words[0] == field && absl::SimpleAtoi(words[1], &kilobytes)) {
      return kilobytes << 10;
    }
  }
  ADD_FAILURE() << field;
  return 0;
}

std::shared_ptr<const Decoder> Loaded(const std::string& path, at::ScalarType dtype) {
  const absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Open(path);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  auto decoder = Decoder::Load(*checkpoint, dtype, at::kCPU);
  EXPECT_TRUE(decoder.ok()) << decoder.status();
  return *std::move(decoder);
}

// How much the process grew at most while a model was loaded and used once, over the weights' size.
double PeakOverWeights(const std::string& path, at::ScalarType dtype) {
  // The first load and step bring in what libtorch sets up once.
  DecoderHarness(Loaded(RequiredEnv("STEER_TINY_MODEL"), dtype)).Full({{{1, 2, 3}}});
  const int64_t before = Status("VmRSS:");
  std::ofstream("/proc/self/clear_refs") << "5";  // VmHWM starts anew
  const DecoderHarness harness(Loaded(path, dtype));
  harness.Full({{{1, 2, 3}}});
  return static_cast<double>(Status("VmHWM:") - before) /
         static_cast<double>(harness.decoder().weight_bytes());
}

// A llama of about 60 million weights in bf16.
class Folder {
 public:
  Folder() {
    std::string name = ::testing::TempDir() + "memory.XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
    std::ofstream(path_ / "config.json")
        << R"({"model_type": "llama", "hidden_size": 1024, "intermediate_size": 2816,
               "num_hidden_layers": 4, "num_attention_heads": 8, "vocab_size": 8000})";
    std::map<std::string, HostTensor> tensors;
    const auto add = [&tensors](const std::string& tensor, std::vector<int64_t> shape) {
      HostTensor& stored = tensors[tensor + ".weight"];
      stored.dtype = DType::kBF16;
      stored.data.resize(2 * *ElementCount(shape));
      stored.shape = std::move(shape);
    };
    add("model.embed_tokens", {8000, 1024});
    add("lm_head", {8000, 1024});
    add("model.norm", {1024});
    for (int layer = 0; layer < 4; ++layer) {
      const std::string prefix = absl::StrCat("model.layers.", layer, ".");
      for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) {
        add(prefix + norm, {1024});
      }
      for (const char* part : {"q", "k", "v", "o"}) {
        add(absl::StrCat(prefix, "self_attn.", part, "_proj"), {1024, 1024});
      }
      add(prefix + "mlp.gate_proj", {2816, 1024});
      add(prefix + "mlp.up_proj", {2816, 1024});
      add(prefix + "mlp.down_proj", {1024, 2816});
    }
    std::ofstream(path_ / "model.safetensors", std::ios::binary) << WriteSafetensors({}, tensors);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

constexpr double kMost = 1.15;

TEST(LoadMemoryTest, AGgufIsNeverThereTwice) {
  const std::string path = RequiredEnv("STEER_TEST_MODEL");
  EXPECT_LE(PeakOverWeights(path, at::kBFloat16), kMost);
  EXPECT_LE(PeakOverWeights(path, at::kFloat), kMost);
}

TEST(LoadMemoryTest, NeitherIsAFolder) {
  const Folder folder;
  EXPECT_LE(PeakOverWeights(folder.path(), at::kBFloat16), kMost) << "in place";
  EXPECT_LE(PeakOverWeights(folder.path(), at::kFloat), kMost) << "converted";
}

}  // namespace
}  // namespace steer

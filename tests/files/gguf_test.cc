#include "core/files/gguf.h"

#include <filesystem>
#include <fstream>
#include <limits>

#include "core/base/host_tensor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/files/gguf_builder.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Numbers of value types and of tensor types in the format.
constexpr uint32_t kUint8 = 0;
constexpr uint32_t kUint32 = 4;
constexpr uint32_t kBool = 7;
constexpr uint32_t kString = 8;
constexpr uint32_t kArray = 9;
constexpr uint32_t kUint64 = 10;
constexpr uint32_t kF32 = 0;
constexpr uint32_t kQ4_1 = 3;
constexpr uint32_t kIQ2_XXS = 16;

constexpr uint64_t k2To60 = 0x1000000000000000;
constexpr uint64_t k2To61 = 2 * k2To60;
constexpr uint64_t k2To62 = 4 * k2To60;
constexpr uint64_t k2To63 = 8 * k2To60;

class GgufGoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = GgufFile::Open(STEER_TEST_DATA "/small.gguf");
    ASSERT_TRUE(opened.ok()) << opened.status();
    file_ = *std::move(opened);
  }
  std::shared_ptr<const GgufFile> file_;
};

TEST_F(GgufGoldenTest, ReadsEveryTypeOfValue) {
  EXPECT_EQ(*file_->String("general.architecture"), "llama");
  EXPECT_EQ(*file_->Int("test.uint8"), 255);
  EXPECT_EQ(*file_->Int("test.int8"), -128);
  EXPECT_EQ(*file_->Int("test.uint16"), 65535);
  EXPECT_EQ(*file_->Int("test.int16"), -32768);
  EXPECT_EQ(*file_->Int("test.uint32"), 4294967295);
  EXPECT_EQ(*file_->Int("test.int32"), -2147483648LL);
  EXPECT_EQ(*file_->Int("test.uint64"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(*file_->Int("test.int64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(*file_->Float("test.float32"), static_cast<double>(0.1F));
  EXPECT_EQ(*file_->Float("test.float64"), 0.1);
  EXPECT_EQ(*file_->Float("test.uint8"), 255.0);
  EXPECT_EQ(*file_->BoolOr("test.true", false), true);
  EXPECT_EQ(*file_->BoolOr("test.false", true), false);
  EXPECT_EQ(*file_->String("test.string"), "snow \u2603 and a\nline");
  EXPECT_THAT(*file_->Ints("test.ints"), ElementsAre(3, -2, 1));
  EXPECT_THAT(*file_->Strings("test.strings"), ElementsAre("", "a", "\u00e9\u00e8"));
  EXPECT_EQ(std::get<std::vector<double>>(*file_->Find("test.floats")),
            (std::vector<double>{0.5, -0.25}));
  EXPECT_EQ(std::get<std::vector<bool>>(*file_->Find("test.bools")),
            (std::vector<bool>{true, false, true}));
}

TEST_F(GgufGoldenTest, AbsentAndOtherwiseTypedKeysAreNamed) {
  EXPECT_EQ(file_->Find("absent"), nullptr);
  EXPECT_EQ(file_->Int("absent").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(file_->Int("absent").status().message()), HasSubstr("absent"));
  EXPECT_EQ(*file_->IntOr("absent", 7), 7);
  EXPECT_EQ(*file_->FloatOr("absent", 0.5), 0.5);
  EXPECT_EQ(*file_->BoolOr("absent", true), true);
  EXPECT_EQ(*file_->StringOr("absent", "x"), "x");

  const absl::Status status = file_->Int("test.string").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("test.string"));
  EXPECT_FALSE(file_->Int("test.float32").ok());
  EXPECT_FALSE(file_->Int("test.true").ok());
  EXPECT_FALSE(file_->IntOr("test.string", 7).ok());
  EXPECT_FALSE(file_->FloatOr("test.string", 7).ok());
  EXPECT_FALSE(file_->BoolOr("test.uint8", true).ok());
  EXPECT_FALSE(file_->StringOr("test.uint8", "x").ok());
  EXPECT_FALSE(file_->Strings("test.ints").ok());
  EXPECT_FALSE(file_->Ints("test.strings").ok());
}

TEST_F(GgufGoldenTest, TensorsOutliveTheFileObject) {
  TensorMap tensors = file_->tensors();
  file_ = nullptr;
  EXPECT_THAT(tensors.Untaken(), ElementsAre("blocks", "half", "plain"));
  const auto plain = tensors.Take("plain", std::vector<int64_t>{2, 3});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->encoding, Encoding::kF32);
  EXPECT_THAT(ToFloats(DType::kF32, plain->bytes), ElementsAre(0, 1, 2, 3, 4, 5));
  const auto half = tensors.Take("half", std::vector<int64_t>{3});
  ASSERT_TRUE(half.ok()) << half.status();
  EXPECT_THAT(ToFloats(DType::kF16, half->bytes), ElementsAre(0, 1, 2));
  const auto blocks = tensors.Take("blocks", std::vector<int64_t>{2, 64});
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  EXPECT_EQ(blocks->encoding, Encoding::kQ4_1);
  EXPECT_EQ(blocks->bytes.size(), 4U * 20U);
}

TEST(GgufTest, OpenNamesThePath) {
  const std::string path = ::testing::TempDir() + "steer_not_a.gguf";
  std::ofstream(path) << "not a model at all, but long enough to be one";
  const absl::Status status = GgufFile::Open(path).status();
  std::filesystem::remove(path);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("steer_not_a.gguf"));
  EXPECT_EQ(GgufFile::Open(path).status().code(), absl::StatusCode::kNotFound);
}

TEST(GgufTest, AFileMayBeEmptyOrHaveGaps) {
  EXPECT_TRUE(GgufFile::Parse(GgufBuilder(0, 0).bytes()).ok());
  const GgufBuilder gap =
      GgufBuilder(2, 0).Tensor("b", {1}, kF32, 96).Tensor("a", {2}, kF32, 0).Data(100);
  const auto file = GgufFile::Parse(gap.bytes());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT((*file)->tensors().Untaken(), ElementsAre("a", "b"));
}

// Expects a refusal with this code whose message holds `words`.
void ExpectRefused(const GgufBuilder& file, absl::string_view words,
                   absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
  const absl::Status status = GgufFile::Parse(file.bytes()).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(words)));
}

TEST(GgufLiesTest, OtherVersions) {
  ExpectRefused(GgufBuilder(0, 0, 2), "got 2", absl::StatusCode::kUnimplemented);
  ExpectRefused(GgufBuilder(0, 0, 0x03000000), "big-endian", absl::StatusCode::kUnimplemented);
}

TEST(GgufLiesTest, CountsThatTheFileCannotHold) {
  ExpectRefused(GgufBuilder(k2To60, 0).Data(100), "tensor count at byte 16");
  ExpectRefused(GgufBuilder(~uint64_t{0}, 0).Data(100), "tensor count");
  ExpectRefused(GgufBuilder(0, k2To60).Data(100), "key count at byte 24");
  ExpectRefused(GgufBuilder(0, 1).Number(k2To63).Data(100), "key at byte 32");
  ExpectRefused(GgufBuilder(0, 1).Key("k", kString).Number(~uint64_t{0}).Data(100), "key 'k'");
  for (const uint32_t type : {kUint8, kBool, kString, kUint64}) {
    ExpectRefused(GgufBuilder(0, 1).Key("k", kArray).Number(type).Number(k2To61).Data(100),
                  "key 'k'");
  }
  ExpectRefused(GgufBuilder(1, 0).Number(k2To62).Data(100), "tensor name");
}

TEST(GgufLiesTest, MoreElementsThanAnyModelHas) {
  const uint64_t count = 16'777'217;
  ExpectRefused(GgufBuilder(0, 1).Key("k", kArray).Number(kUint8).Number(count).Data(count),
                "at most 16777216");
}

TEST(GgufLiesTest, Values) {
  ExpectRefused(GgufBuilder(0, 1).Key("k", 13).Data(100), "type 13");
  ExpectRefused(GgufBuilder(0, 1).Key("k", kBool).Number(uint8_t{2}), "boolean 2");
  ExpectRefused(GgufBuilder(0, 1).Key("k", kUint64).Number(k2To63), "2^63-1");
  ExpectRefused(GgufBuilder(0, 1).Key("k", kArray).Number(kArray).Number(uint64_t{1}).Data(100),
                "array of type 9");
  ExpectRefused(GgufBuilder(0, 2)
                    .Key("same", kUint8)
                    .Number(uint8_t{1})
                    .Key("same", kUint8)
                    .Number(uint8_t{1}),
                "key 'same'");
}

TEST(GgufLiesTest, NamesArePrintedSafely) {
  const absl::string_view name("\x1b[31m\0\xff\n", 8);
  ExpectRefused(GgufBuilder(0, 1).Key(name, 13).Data(100), "'\\x1b[31m\\x00\\xff\\n'");
  ExpectRefused(GgufBuilder(0, 1).Key(std::string(5000, 'k'), 13).Data(100), "kkk…'");
}

TEST(GgufLiesTest, Alignments) {
  const auto aligned = [](uint32_t alignment) {
    return GgufBuilder(1, 1)
        .Key("general.alignment", kUint32)
        .Number(alignment)
        .Tensor("t", {1}, kF32, 0)
        .Data(4, alignment == 0 ? 1 : alignment);
  };
  for (const uint32_t alignment : {1U, 8U, 4096U}) {
    EXPECT_TRUE(GgufFile::Parse(aligned(alignment).bytes()).ok()) << alignment;
  }
  for (const uint32_t alignment : {0U, 3U, 48U}) {
    ExpectRefused(aligned(alignment), "general.alignment");
  }
  ExpectRefused(GgufBuilder(0, 1).Key("general.alignment", kUint32).Number(uint32_t{0x80000000}),
                "general.alignment");
  ExpectRefused(GgufBuilder(0, 1).Key("general.alignment", kString).Text("32"),
                "general.alignment");
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {1}, kF32, 16).Data(64), "misaligned");
}

TEST(GgufLiesTest, Shapes) {
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {}, kF32, 0).Data(64), "0 dimensions");
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {1, 1, 1, 1, 1}, kF32, 0).Data(64), "5 dimensions");
  ExpectRefused(GgufBuilder(1, 0).Text("t").Number(~uint32_t{0}).Data(64), "dimensions");
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {0}, kF32, 0).Data(64), "[0]");
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {k2To63}, kF32, 0).Data(64), "2^63-1");
  const uint64_t large = 0x100000000;
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {large, large}, kF32, 0).Data(64), "shape");
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {large / 2, large}, kF32, 0).Data(64), "shape");
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {48, 2}, kQ4_1, 0).Data(64), "multiple of 32");
}

TEST(GgufLiesTest, TensorTypesThatAreNotOurs) {
  ExpectRefused(GgufBuilder(1, 0).Tensor("blk.0.w", {256}, kIQ2_XXS, 0).Data(66), "'blk.0.w'",
                absl::StatusCode::kUnimplemented);
  ExpectRefused(GgufBuilder(1, 0).Tensor("blk.0.w", {256}, kIQ2_XXS, 0).Data(66), "tensor type 16",
                absl::StatusCode::kUnimplemented);
}

TEST(GgufLiesTest, Places) {
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {16}, kF32, 32).Data(64), "tensor 't'");
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {1}, kF32, ~uint64_t{31}).Data(64), "tensor 't'");
  ExpectRefused(GgufBuilder(1, 0).Tensor("t", {1}, kF32, 0), "tensor 't'");
  ExpectRefused(GgufBuilder(2, 0).Tensor("a", {9}, kF32, 0).Tensor("b", {1}, kF32, 32).Data(64),
                "overlap");
  ExpectRefused(GgufBuilder(2, 0).Tensor("a", {1}, kF32, 0).Tensor("b", {1}, kF32, 0).Data(64),
                "overlap");
  ExpectRefused(GgufBuilder(2, 0).Tensor("a", {1}, kF32, 0).Tensor("a", {1}, kF32, 32).Data(64),
                "'a'");
}

}  // namespace
}  // namespace steer

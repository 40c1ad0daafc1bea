#include "core/weights/weight_loader.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "core/base/host_tensor.h"
#include "core/files/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Bytes in a file, mapped.
class WeightLoaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "weights.XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A tensor of `values` in the type's own bytes, `shift` bytes into the file.
  StoredTensor Stored(const at::Tensor& values, Encoding encoding, size_t shift = 0) {
    const at::Tensor flat = values.contiguous();
    const auto* const data = static_cast<const char*>(flat.data_ptr());
    return InFile(std::string(shift, 'x') + std::string(data, flat.nbytes()), encoding,
                  values.sizes().vec(), shift);
  }
  StoredTensor InFile(const std::string& bytes, Encoding encoding, std::vector<int64_t> shape,
                      size_t shift = 0) {
    const std::string path = (folder_ / std::to_string(files_++)).string();
    std::ofstream(path, std::ios::binary) << bytes;
    absl::StatusOr<std::shared_ptr<const MappedFile>> file = MappedFile::Open(path);
    EXPECT_TRUE(file.ok()) << file.status();
    const std::span<const std::byte> span = (*file)->bytes().subspan(shift);
    return {encoding, std::move(shape), span, *std::move(file)};
  }

  std::filesystem::path folder_;
  int files_ = 0;
};

TensorMap MapOf(StoredTensor tensor) {
  TensorMap map;
  EXPECT_TRUE(map.Add("w", std::move(tensor)).ok());
  return map;
}

at::Tensor Taken(const StoredTensor& stored, at::ScalarType dtype) {
  WeightLoader loader(MapOf(stored), dtype, at::kCPU);
  absl::StatusOr<at::Tensor> weight = loader.Take("w", stored.shape);
  EXPECT_TRUE(weight.ok()) << weight.status();
  return weight.ok() ? *std::move(weight) : at::Tensor();
}

bool LiesIn(const at::Tensor& weight, const StoredTensor& stored) {
  return weight.data_ptr() == static_cast<const void*>(stored.bytes.data());
}

TEST_F(WeightLoaderTest, WhatHasTheTypeIsNotCopied) {
  const at::Tensor values = at::arange(12, at::dtype(at::kFloat)).view({3, 4});
  const StoredTensor floats = Stored(values, Encoding::kF32);
  EXPECT_TRUE(LiesIn(Taken(floats, at::kFloat), floats));
  const StoredTensor halves = Stored(values.to(at::kBFloat16), Encoding::kBF16);
  EXPECT_TRUE(LiesIn(Taken(halves, at::kBFloat16), halves));
}

TEST_F(WeightLoaderTest, TheFileLivesAsLongAsTheWeight) {
  const at::Tensor values = at::arange(12, at::dtype(at::kFloat)).view({3, 4});
  at::Tensor weight;
  std::weak_ptr<const MappedFile> watch;
  {
    const StoredTensor stored = Stored(values, Encoding::kF32);
    watch = stored.file;
    weight = Taken(stored, at::kFloat);
  }
  EXPECT_FALSE(watch.expired());
  EXPECT_TRUE(at::equal(weight, values));
  weight = at::Tensor();
  EXPECT_TRUE(watch.expired());
}

TEST_F(WeightLoaderTest, WhatSomebodyElseHoldsIsCopied) {
  at::Tensor values = at::arange(12, at::dtype(at::kFloat)).view({3, 4});
  const at::Tensor before = values.clone();
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(values.data_ptr()), 48);
  const at::Tensor weight = Taken({Encoding::kF32, {3, 4}, bytes, nullptr}, at::kFloat);
  values.zero_();
  EXPECT_TRUE(at::equal(weight, before));
}

TEST_F(WeightLoaderTest, PlainFloatsAreConvertedWhereverTheyLie) {
  // 1 + 2^-8 is between two numbers of bf16 and goes to the even one.
  const at::Tensor values = at::tensor({1.0F, -2.5F, 1.00390625F, 3.0e-3F, 65504.0F, -0.0F});
  for (const size_t shift : {0, 1}) {
    const StoredTensor halves = Stored(values.to(at::kHalf), Encoding::kF16, shift);
    EXPECT_TRUE(at::equal(Taken(halves, at::kFloat), values.to(at::kHalf).to(at::kFloat)));
    EXPECT_TRUE(at::equal(Taken(halves, at::kBFloat16), values.to(at::kHalf).to(at::kBFloat16)));
    const StoredTensor floats = Stored(values, Encoding::kF32, shift);
    EXPECT_TRUE(at::equal(Taken(floats, at::kBFloat16), values.to(at::kBFloat16)));
    EXPECT_TRUE(at::equal(Taken(floats, at::kFloat), values));
  }
}

TEST_F(WeightLoaderTest, BlocksBeyondOneSliceAreAllThere) {
  // Q8_0: a scale of 1 and 32 signed bytes; 5000 blocks are more than two slices.
  constexpr int64_t kBlocks = 5000;
  std::string bytes;
  std::vector<float> expected;
  for (int64_t block = 0; block < kBlocks; ++block) {
    bytes.append("\x00\x3c", 2);
    for (int64_t i = 0; i < 32; ++i) {
      const auto value = static_cast<int8_t>((block * 7 + i) % 255 - 127);
      bytes.push_back(static_cast<char>(value));
      expected.push_back(value);
    }
  }
  const StoredTensor stored = InFile(bytes, Encoding::kQ8_0, {kBlocks, 32});
  const at::Tensor values = at::tensor(expected).view({kBlocks, 32});
  EXPECT_TRUE(at::equal(Taken(stored, at::kFloat), values));
  EXPECT_TRUE(at::equal(Taken(stored, at::kBFloat16), values.to(at::kBFloat16)));
}

TEST_F(WeightLoaderTest, InterleavedRowsGoBack) {
  // Two heads of four rows: 0 2 1 3 of each.
  const at::Tensor values = at::arange(8, at::dtype(at::kFloat)).view({8, 1});
  const StoredTensor stored = Stored(values, Encoding::kF32);
  WeightLoader loader(MapOf(stored), at::kFloat, at::kCPU);
  const absl::StatusOr<at::Tensor> weight = loader.TakeRotary("w", {8, 1}, 2);
  ASSERT_TRUE(weight.ok()) << weight.status();
  EXPECT_TRUE(weight->is_contiguous());
  const at::Tensor expected = at::tensor({0.0F, 2.0F, 1.0F, 3.0F, 4.0F, 6.0F, 5.0F, 7.0F});
  EXPECT_TRUE(at::equal(weight->flatten(), expected));
}

TEST_F(WeightLoaderTest, TellsHowFarItIs) {
  const at::Tensor values = at::zeros({4}, at::dtype(at::kFloat));
  TensorMap map;
  ASSERT_TRUE(map.Add("a.w", Stored(values, Encoding::kF32)).ok());
  ASSERT_TRUE(map.Add("b.w", Stored(values, Encoding::kF32)).ok());
  std::vector<std::pair<int64_t, int64_t>> told;
  WeightLoader loader(map, at::kBFloat16, at::kCPU,
                      [&](int64_t done, int64_t total) { told.emplace_back(done, total); });
  ASSERT_TRUE(loader.Narrow("a.").TakeFloat("w", {4}).ok());
  ASSERT_TRUE(loader.Narrow("b.").Take("w", {4}).ok());
  EXPECT_THAT(told, ElementsAre(std::pair(16, 32), std::pair(32, 32)));
  const absl::StatusOr<at::Tensor> absent = loader.Take("c", {4});
  EXPECT_THAT(std::string(absent.status().message()), HasSubstr("'c'"));
}

}  // namespace
}  // namespace steer

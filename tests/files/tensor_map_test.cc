#include "core/files/tensor_map.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

StoredTensor Shaped(std::vector<int64_t> shape) {
  return {Encoding::kF16, std::move(shape), {}, nullptr};
}

TensorMap SmallMap() {
  TensorMap map;
  EXPECT_TRUE(map.Add("blk.0.q", Shaped({2, 3})).ok());
  EXPECT_TRUE(map.Add("blk.1.q", Shaped({2, 3})).ok());
  EXPECT_TRUE(map.Add("head", Shaped({4})).ok());
  return map;
}

TEST(TensorMapTest, HandsOutEachTensorOnce) {
  TensorMap map = SmallMap();
  const std::vector<int64_t> shape = {2, 3};
  const auto taken = map.Take("blk.0.q", shape);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->encoding, Encoding::kF16);
  EXPECT_EQ(taken->shape, shape);
  EXPECT_THAT(map.Untaken(), ElementsAre("blk.1.q", "head"));

  const auto again = map.Take("blk.0.q", shape);
  EXPECT_EQ(again.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(again.status().message()), HasSubstr("blk.0.q"));
}

TEST(TensorMapTest, ANarrowedViewSharesTheBookkeeping) {
  const TensorMap map = SmallMap();
  TensorMap block = map.Narrow("blk.").Narrow("1.");
  EXPECT_TRUE(block.Contains("q"));
  EXPECT_FALSE(block.Contains("head"));
  EXPECT_THAT(block.Untaken(), ElementsAre("blk.1.q"));
  ASSERT_TRUE(block.Take("q", std::vector<int64_t>{2, 3}).ok());
  EXPECT_THAT(block.Untaken(), IsEmpty());
  EXPECT_THAT(map.Untaken(), ElementsAre("blk.0.q", "head"));

  ASSERT_TRUE(block.Add("k", Shaped({1})).ok());
  EXPECT_TRUE(map.Contains("blk.1.k"));
}

TEST(TensorMapTest, ErrorsNameTheWholeNameAndBothShapes) {
  TensorMap map = SmallMap();
  const auto absent = map.Narrow("blk.1.").Take("v", std::vector<int64_t>{5});
  EXPECT_EQ(absent.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(absent.status().message()), HasSubstr("blk.1.v"));

  const auto other = map.Narrow("blk.1.").Take("q", std::vector<int64_t>{3, 2});
  EXPECT_EQ(other.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("blk.1.q"));
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("[2, 3]"));
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("[3, 2]"));
  EXPECT_FALSE(map.Take("head", std::vector<int64_t>{4, 1}).ok());
  EXPECT_FALSE(map.Take("head", {}).ok());
  EXPECT_TRUE(map.Take("head", std::vector<int64_t>{4}).ok()) << "a refused taker takes nothing";

  EXPECT_EQ(map.Add("head", Shaped({4})).code(), absl::StatusCode::kAlreadyExists);
}

TEST(TensorMapTest, KeepsTheFileAlive) {
  absl::StatusOr<std::shared_ptr<const MappedFile>> file =
      MappedFile::Open(STEER_TEST_DATA "/small.gguf");
  ASSERT_TRUE(file.ok()) << file.status();
  const std::weak_ptr<const MappedFile> watch = *file;
  {
    TensorMap map;
    StoredTensor tensor = Shaped({1});
    tensor.file = *std::move(file);
    ASSERT_TRUE(map.Add("a", std::move(tensor)).ok());
    const TensorMap narrowed = map.Narrow("b.");
    map = TensorMap();
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST(TensorMapTest, RowsLieWhereTheTensorLies) {
  const std::vector<std::byte> bytes(3 * 4 * 2);
  const StoredTensor rows = Rows({Encoding::kF16, {3, 4}, bytes, nullptr}, 1, 2);
  EXPECT_THAT(rows.shape, ElementsAre(2, 4));
  EXPECT_EQ(rows.bytes.data(), bytes.data() + 8);
  EXPECT_EQ(rows.bytes.size(), 16U);
}

TEST(StoredBytesTest, CountsWholeBlocksWithoutOverflow) {
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(StoredBytes(Encoding::kF32, Shape{2, 3}), 24);
  EXPECT_EQ(StoredBytes(Encoding::kQ4_K, Shape{3, 512}), 3 * 2 * 144);
  EXPECT_EQ(StoredBytes(Encoding::kQ4_1, Shape{64, 31}), std::nullopt);
  EXPECT_EQ(StoredBytes(Encoding::kF16, Shape{3, 0}), std::nullopt);
  EXPECT_EQ(StoredBytes(Encoding::kF16, Shape{-1, -1}), std::nullopt);
  EXPECT_EQ(StoredBytes(Encoding::kF16, Shape{0x80000000, 0x100000000}), std::nullopt);
  EXPECT_EQ(StoredBytes(Encoding::kF16, Shape{0x100000000, 0x100000000}), std::nullopt);
  EXPECT_EQ(StoredBytes(Encoding::kQ8_0, Shape{}), std::nullopt);
}

}  // namespace
}  // namespace steer

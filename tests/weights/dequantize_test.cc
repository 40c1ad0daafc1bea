#include "core/weights/dequantize.h"

#include <bit>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/host_tensor.h"
#include "core/files/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

constexpr Encoding kAll[] = {
    Encoding::kF32,   Encoding::kF16,   Encoding::kBF16, Encoding::kQ4_0,   Encoding::kQ4_1,
    Encoding::kQ5_0,  Encoding::kQ5_1,  Encoding::kQ8_0, Encoding::kQ4_K,   Encoding::kQ5_K,
    Encoding::kQ6_K,  Encoding::kQ2_K,  Encoding::kQ3_K, Encoding::kIQ4_NL, Encoding::kIQ4_XS,
    Encoding::kTQ1_0, Encoding::kTQ2_0, Encoding::kMXFP4};

struct Golden {
  std::vector<std::byte> bytes;
  std::vector<float> values;
};

// Bytes in an encoding and the values that the reference implementation makes of them.
Golden GoldenOf(Encoding encoding) {
  const auto file = SafetensorsFile::Open(STEER_TEST_DATA "/dequantize.safetensors");
  if (!file.ok()) {
    ADD_FAILURE() << file.status();
    return {};
  }
  const auto& bytes = (*file)->tensors().at(absl::StrCat(Name(encoding), ".bytes"));
  const auto& values = (*file)->tensors().at(absl::StrCat(Name(encoding), ".values"));
  return {{bytes.bytes.begin(), bytes.bytes.end()}, ToFloats(values.dtype, values.bytes)};
}

class DequantizeTest : public ::testing::TestWithParam<Encoding> {};

TEST_P(DequantizeTest, GivesTheReferencesValuesToTheLastBit) {
  const Golden golden = GoldenOf(GetParam());
  ASSERT_GE(golden.values.size(), 4U * static_cast<size_t>(BlockElements(GetParam())));
  std::vector<float> values(golden.values.size(), -1.0F);
  ASSERT_TRUE(Dequantize(GetParam(), golden.bytes, values).ok());
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(golden.values[i]))
        << "value " << i << ": " << values[i] << " and " << golden.values[i];
  }
}

TEST_P(DequantizeTest, SlicesOfBlocksAreTheWhole) {
  const Golden golden = GoldenOf(GetParam());
  const auto elements = static_cast<size_t>(BlockElements(GetParam()));
  const auto size = static_cast<size_t>(BlockBytes(GetParam()));
  for (size_t block = 0; block < golden.values.size() / elements; ++block) {
    // One byte further than allocated storage is aligned: bytes in a file may begin anywhere.
    std::vector<std::byte> shifted(size + 1);
    std::copy_n(golden.bytes.begin() + static_cast<ptrdiff_t>(block * size), size,
                shifted.begin() + 1);
    std::vector<float> values(elements);
    ASSERT_TRUE(Dequantize(GetParam(), std::span(shifted).subspan(1), values).ok());
    for (size_t i = 0; i < elements; ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(values[i]),
                std::bit_cast<uint32_t>(golden.values[block * elements + i]));
    }
  }
}

TEST_P(DequantizeTest, RefusesWhatIsNotWholeBlocks) {
  const Golden golden = GoldenOf(GetParam());
  const std::span<const std::byte> bytes = golden.bytes;
  std::vector<float> values(golden.values.size());
  for (const size_t missing : {size_t{1}, bytes.size()}) {
    const absl::Status status = Dequantize(GetParam(), bytes.first(bytes.size() - missing), values);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(Name(GetParam()))));
  }
  EXPECT_FALSE(Dequantize(GetParam(), bytes, std::span(values).first(values.size() - 1)).ok());
  EXPECT_TRUE(Dequantize(GetParam(), {}, {}).ok());
}

INSTANTIATE_TEST_SUITE_P(Encodings, DequantizeTest, ::testing::ValuesIn(kAll),
                         [](const auto& info) { return std::string(Name(info.param)); });

}  // namespace
}  // namespace steer

#include <cmath>
#include <limits>
#include <new>
#include <stdexcept>
#include <thread>

#include "core/base/catch_torch.h"
#include "core/base/host_tensor.h"
#include "core/base/mailbox.h"
#include "core/base/sha256.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/base/types.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

TEST(StatusTest, AFieldErrorCarriesItsDetailThroughAnnotation) {
  const absl::Status status =
      Annotate(InvalidField("controls[1].multiplier", "nan", "a number"), "generate");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "generate: controls[1].multiplier: got nan, allowed: a number");
  const auto detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason, "INVALID_FIELD");
  EXPECT_EQ(detail->field, "controls[1].multiplier");
  EXPECT_EQ(detail->got, "nan");
  EXPECT_EQ(detail->allowed, "a number");
  EXPECT_FALSE(DetailOf(absl::InternalError("x")).has_value());
  EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok());
}

TEST(StatusTest, ADetailSurvivesBytesThatAreNotUtf8) {
  const auto detail = DetailOf(InvalidField("f", "\xff\xfe", "text"));
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->field, "f");
}

TEST(StatusTest, ARetryDelayTravelsWithTheStatus) {
  absl::Status status = absl::ResourceExhaustedError("full");
  EXPECT_FALSE(RetryDelayMs(status).has_value());
  SetRetryDelayMs(status, 1500);
  EXPECT_EQ(RetryDelayMs(status), 1500);
}

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}
absl::StatusOr<int> Quarter(int value) {
  STEER_ASSIGN_OR_RETURN(const int half, Half(value));
  STEER_RETURN_IF_ERROR(Half(half).status());
  return half / 2;
}

TEST(StatusTest, MacrosLeaveAtTheFirstError) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_FALSE(Quarter(6).ok());
  EXPECT_FALSE(Quarter(3).ok());
}

TEST(CatchTorchTest, TurnsExceptionsIntoStatuses) {
  const auto thrown = [](auto error) {
    return CatchTorch("there", [&]() -> absl::Status { throw error; });
  };
  EXPECT_EQ(thrown(std::runtime_error("shape\nbacktrace")), absl::InternalError("there: shape"));
  EXPECT_EQ(thrown(std::bad_alloc()).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(thrown(std::runtime_error("CUDA out of memory.")).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(
      thrown(std::runtime_error("CUDA error: an illegal memory access was encountered")).code(),
      absl::StatusCode::kUnavailable);
  EXPECT_EQ(*CatchTorch("there", [] { return absl::StatusOr<int>(3); }), 3);
}

TEST(HostTensorTest, HalfFloatsAreConvertedExactly) {
  EXPECT_EQ(HalfToFloat(0x3c00), 1.0F);
  EXPECT_EQ(HalfToFloat(0xc000), -2.0F);
  EXPECT_EQ(HalfToFloat(0x7bff), 65504.0F);
  EXPECT_EQ(HalfToFloat(0x0001), 0x1p-24F);
  EXPECT_EQ(HalfToFloat(0x03ff), 1023 * 0x1p-24F);
  EXPECT_TRUE(std::isinf(HalfToFloat(0xfc00)));
  EXPECT_TRUE(std::isnan(HalfToFloat(0x7e00)));
  EXPECT_TRUE(std::signbit(HalfToFloat(0x8000)));
  EXPECT_EQ(BFloat16ToFloat(0x3f80), 1.0F);
  // Every half, by the definition of the format.
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10) & 31;
    if (exponent == 31) continue;
    const double mantissa = (bits & 1023) / 1024.0;
    const double magnitude =
        exponent == 0 ? std::ldexp(mantissa, -14) : std::ldexp(1 + mantissa, exponent - 15);
    EXPECT_EQ(HalfToFloat(static_cast<uint16_t>(bits)),
              (bits & 0x8000) != 0 ? -magnitude : magnitude);
  }
}

TEST(HostTensorTest, CountsElementsWithoutOverflow) {
  EXPECT_EQ(ElementCount(std::vector<int64_t>{3, 4}), 12);
  EXPECT_EQ(ElementCount(std::vector<int64_t>{}), 1);
  EXPECT_EQ(ElementCount(std::vector<int64_t>{5, 0}), 0);
  EXPECT_FALSE(ElementCount(std::vector<int64_t>{-1}).has_value());
  EXPECT_FALSE(ElementCount(std::vector<int64_t>{int64_t{1} << 40, int64_t{1} << 40}).has_value());
  EXPECT_EQ(ShapeString(std::vector<int64_t>{576, 1536}), "[576, 1536]");
}

TEST(HostTensorTest, ReadsEveryFloatType) {
  const std::vector<double> doubles = {1.5, -2.25};
  EXPECT_THAT(ToFloats(DType::kF64, std::as_bytes(std::span(doubles))),
              testing::ElementsAre(1.5F, -2.25F));
  const std::vector<uint16_t> halves = {0x3e00, 0xc080};
  EXPECT_THAT(ToFloats(DType::kF16, std::as_bytes(std::span(halves))),
              testing::ElementsAre(1.5F, -2.25F));
  EXPECT_TRUE(ToFloats(DType::kI32, std::as_bytes(std::span(doubles))).empty());
}

TEST(TypesTest, NamesAndSizesAgree) {
  for (const char* name : {"F32", "F16", "BF16", "F64", "I8", "U8", "I16", "I32", "I64", "BOOL"}) {
    const auto dtype = DTypeFromName(name);
    ASSERT_TRUE(dtype.has_value()) << name;
    EXPECT_EQ(Name(*dtype), name);
  }
  EXPECT_EQ(SizeOf(DType::kBF16), 2U);
  EXPECT_FALSE(DTypeFromName("F8").has_value());
}

TEST(Sha256Test, KnownAnswers) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  pieces.Update("a");
  pieces.Update("bc");
  EXPECT_EQ(pieces.HexDigest(), Sha256Hex("abc"));
}

TEST(MailboxTest, KeepsOrderAndDropsNothing) {
  Mailbox<int> mailbox;
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(mailbox.Put(i));
    mailbox.Close();
  });
  std::vector<int> taken;
  while (taken.size() < 1000) {
    for (const int item : mailbox.Take(/*wait=*/true)) taken.push_back(item);
  }
  producer.join();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(taken[i], i);
  EXPECT_FALSE(mailbox.Put(1));
  EXPECT_TRUE(mailbox.Take(true).empty());  // closed: does not wait
}

TEST(MailboxTest, WaitsNoLongerThanItsDeadline) {
  Mailbox<int> mailbox;
  EXPECT_TRUE(mailbox.Take(true, Clock::now() + std::chrono::milliseconds(10)).empty());
  EXPECT_TRUE(mailbox.Take(false).empty());
}

}  // namespace
}  // namespace steer

#include "server/grpc_status.h"

#include <string>

#include "core/base/status.h"
#include "core/tokenizer/utf8.h"
#include "gtest/gtest.h"
#include "steer/v1/common.pb.h"

namespace steer {
namespace {

std::string Trailer(const WireStatus& wire, const std::string& key) {
  for (const auto& [name, value] : wire.trailers) {
    if (name == key) return value;
  }
  return "";
}

TEST(GrpcStatusTest, CodesAreTheSameByName) {
  const std::pair<absl::Status, grpc::StatusCode> cases[] = {
      {absl::CancelledError("m"), grpc::StatusCode::CANCELLED},
      {absl::InvalidArgumentError("m"), grpc::StatusCode::INVALID_ARGUMENT},
      {absl::DeadlineExceededError("m"), grpc::StatusCode::DEADLINE_EXCEEDED},
      {absl::NotFoundError("m"), grpc::StatusCode::NOT_FOUND},
      {absl::AlreadyExistsError("m"), grpc::StatusCode::ALREADY_EXISTS},
      {absl::PermissionDeniedError("m"), grpc::StatusCode::PERMISSION_DENIED},
      {absl::ResourceExhaustedError("m"), grpc::StatusCode::RESOURCE_EXHAUSTED},
      {absl::FailedPreconditionError("m"), grpc::StatusCode::FAILED_PRECONDITION},
      {absl::AbortedError("m"), grpc::StatusCode::ABORTED},
      {absl::UnimplementedError("m"), grpc::StatusCode::UNIMPLEMENTED},
      {absl::InternalError("m"), grpc::StatusCode::INTERNAL},
      {absl::UnavailableError("m"), grpc::StatusCode::UNAVAILABLE},
      {absl::DataLossError("m"), grpc::StatusCode::DATA_LOSS},
      {absl::UnauthenticatedError("m"), grpc::StatusCode::UNAUTHENTICATED}};
  for (const auto& [status, code] : cases) {
    const WireStatus wire = ToWire(status);
    EXPECT_EQ(wire.status.error_code(), code);
    EXPECT_EQ(wire.status.error_message(), "m");
    EXPECT_TRUE(wire.trailers.empty());
  }
  EXPECT_TRUE(ToWire(absl::OkStatus()).status.ok());
}

TEST(GrpcStatusTest, TheDetailTravelsAsATrailer) {
  const WireStatus wire = ToWire(InvalidField("sampling.top_p", "7", "above 0, up to 1"));
  v1::ErrorDetail detail;
  ASSERT_TRUE(detail.ParseFromString(Trailer(wire, "steer-error-bin")));
  EXPECT_EQ(detail.reason(), "INVALID_FIELD");
  EXPECT_EQ(detail.field(), "sampling.top_p");
  EXPECT_EQ(detail.got(), "7");
  EXPECT_EQ(detail.allowed(), "above 0, up to 1");
}

TEST(GrpcStatusTest, TheRetryDelayTravelsInGrpcsOwnTrailer) {
  absl::Status full = absl::ResourceExhaustedError("full");
  SetRetryDelayMs(full, 1500);
  EXPECT_EQ(Trailer(ToWire(full), "grpc-retry-pushback-ms"), "1500");
}

TEST(GrpcStatusTest, FitsInAClientsHeaderLimitWhateverCameIn) {
  const std::string long_text = [] {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "\xE2\x82\xAC";  // three bytes each
    return text;
  }();
  const WireStatus wire =
      ToWire(FieldError(absl::StatusCode::kInvalidArgument,
                        {"INVALID_FIELD", long_text, std::string(5000, '\xFF'), long_text}));
  // Percent-encoded and base64.
  EXPECT_LT(
      3 * wire.status.error_message().size() + 4 * Trailer(wire, "steer-error-bin").size() / 3,
      size_t{8000});
  v1::ErrorDetail detail;
  ASSERT_TRUE(detail.ParseFromString(Trailer(wire, "steer-error-bin")));
  for (const std::string& text :
       {wire.status.error_message(), detail.field(), detail.got(), detail.allowed()}) {
    EXPECT_FALSE(FirstInvalidUtf8(text).has_value()) << text;
    EXPECT_EQ(text.substr(text.size() - 3), "...");
  }
}

}  // namespace
}  // namespace steer

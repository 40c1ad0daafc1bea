#include "client/call_status.h"

#include "client/steer_client.h"
#include "client/steerctl/session.h"
#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "steer/v1/common.pb.h"

namespace steer {
namespace {

using Trailers = std::multimap<grpc::string_ref, grpc::string_ref>;
using ::testing::HasSubstr;

std::string DetailBytes() {
  v1::ErrorDetail detail;
  detail.set_reason("INVALID_FIELD");
  detail.set_field("controls[1].multiplier");
  detail.set_got("1e9");
  detail.set_allowed("|m| <= 1e6");
  return detail.SerializeAsString();
}

TEST(ToStatusTest, OkIsOk) { EXPECT_TRUE(ToStatus(grpc::Status::OK, Trailers()).ok()); }

TEST(ToStatusTest, CarriesMessageDetailAndDelay) {
  const std::string bytes = DetailBytes();
  const absl::Status status =
      ToStatus(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "score: too much"),
               Trailers{{"steer-error-bin", bytes}, {"grpc-retry-pushback-ms", "250"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "score: too much");
  const auto detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason, "INVALID_FIELD");
  EXPECT_EQ(detail->field, "controls[1].multiplier");
  EXPECT_EQ(detail->got, "1e9");
  EXPECT_EQ(detail->allowed, "|m| <= 1e6");
  EXPECT_EQ(RetryDelayMs(status), 250);
}

TEST(ToStatusTest, LeavesOutTrailersThatDoNotParse) {
  for (const char* delay : {"soon", "-1", ""}) {
    const absl::Status status =
        ToStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, "no"),
                 Trailers{{"steer-error-bin", "\xFF\xFF"}, {"grpc-retry-pushback-ms", delay}});
    EXPECT_TRUE(absl::IsUnavailable(status));
    EXPECT_FALSE(DetailOf(status).has_value());
    EXPECT_FALSE(RetryDelayMs(status).has_value()) << delay;
  }
}

TEST(ErrorTextTest, SaysEverythingOnce) {
  const std::string bytes = DetailBytes();
  const Trailers trailers = {{"steer-error-bin", bytes}, {"grpc-retry-pushback-ms", "250"}};
  EXPECT_EQ(
      ErrorText(ToStatus(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "refused"), trailers)),
      "steerctl: INVALID_ARGUMENT: refused\n"
      "  field: controls[1].multiplier\n"
      "  got: 1e9\n"
      "  allowed: |m| <= 1e6\n"
      "  try again in 250 ms\n");
  EXPECT_EQ(ErrorText(InvalidField("x", "1", "2")),
            "steerctl: INVALID_ARGUMENT: x: got 1, allowed: 2\n");
}

TEST(ClientTest, SaysThatNobodyIsThere) {
  ClientOptions options;
  options.address = "unix:" + testing::TempDir() + "/there-is-no-such-socket";
  const auto client = Client::Connect(options);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(absl::IsUnavailable((*client)->GetModel().status()));

  options.connect_seconds = 0.05;
  EXPECT_TRUE(absl::IsUnavailable(Client::Connect(options).status()));
}

TEST(ClientTest, RefusesAnAddressWithoutAPort) {
  ClientOptions options;
  options.address = "localhost";
  const absl::Status status = Client::Connect(options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("'localhost'"));
}

}  // namespace
}  // namespace steer

#pragma once

#include <string>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace steer {

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// The error names `field` and its message has `part`.
template <typename T>
void ExpectInvalid(const absl::StatusOr<T>& result, const std::string& field,
                   const std::string& part) {
  ASSERT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << result.status();
  ASSERT_TRUE(DetailOf(result.status()).has_value());
  EXPECT_EQ(DetailOf(result.status())->field, field);
  EXPECT_THAT(std::string(result.status().message()), ::testing::HasSubstr(part));
}

}  // namespace steer

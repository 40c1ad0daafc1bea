#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/signal/signal_data.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {

inline HostTensor Tensor(std::vector<int64_t> shape, std::vector<float> values) {
  return HostTensor::FromFloats(std::move(shape), values);
}

// One way to break a signal, and what the error must say.
struct Broken {
  const char* what;
  SignalData signal;
  std::function<void(SignalData&)> breaks;
  const char* field;
  const char* says;
};

inline void ExpectRefused(std::vector<Broken> all, const ModelShape& shape) {
  for (Broken& broken : all) {
    SCOPED_TRACE(broken.what);
    ASSERT_TRUE(Validate(broken.signal, shape).ok());
    broken.breaks(broken.signal);
    const absl::Status status = Validate(broken.signal, shape);
    ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    ASSERT_TRUE(DetailOf(status).has_value());
    EXPECT_EQ(DetailOf(status)->field, broken.field);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(broken.says));
  }
}

}  // namespace steer

#include "core/schedule/sampling_params.h"

#include <limits>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

struct Case {
  std::string field;  // empty: valid
  void (*change)(SamplingParams&);
};

class SamplingParamsTest : public ::testing::TestWithParam<Case> {};

TEST_P(SamplingParamsTest, NamesTheField) {
  SamplingParams params;
  GetParam().change(params);
  const absl::Status status = Validate(params);
  if (GetParam().field.empty()) {
    EXPECT_TRUE(status.ok()) << status;
    return;
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(DetailOf(status).has_value());
  EXPECT_EQ(DetailOf(status)->field, GetParam().field);
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(
    All, SamplingParamsTest,
    ::testing::Values(
        Case{"", [](SamplingParams&) {}}, Case{"", [](SamplingParams& p) { p.temperature = 0; }},
        Case{"", [](SamplingParams& p) { p.temperature = 100; }},
        Case{"", [](SamplingParams& p) { p.top_p = 1e-9; }},
        Case{"", [](SamplingParams& p) { p.stop.assign(16, std::string(256, 'a')); }},
        Case{"sampling.max_tokens", [](SamplingParams& p) { p.max_tokens = 0; }},
        Case{"sampling.max_tokens", [](SamplingParams& p) { p.max_tokens = -2147483647; }},
        Case{"sampling.temperature", [](SamplingParams& p) { p.temperature = -0.1; }},
        Case{"sampling.temperature", [](SamplingParams& p) { p.temperature = 100.1; }},
        Case{"sampling.temperature", [](SamplingParams& p) { p.temperature = kNan; }},
        Case{"sampling.temperature", [](SamplingParams& p) { p.temperature = kInf; }},
        Case{"sampling.top_k", [](SamplingParams& p) { p.top_k = -1; }},
        Case{"sampling.top_p", [](SamplingParams& p) { p.top_p = 0; }},
        Case{"sampling.top_p", [](SamplingParams& p) { p.top_p = 1.001; }},
        Case{"sampling.top_p", [](SamplingParams& p) { p.top_p = kNan; }},
        Case{"sampling.stop", [](SamplingParams& p) { p.stop.assign(17, "a"); }},
        Case{"sampling.stop[1]", [](SamplingParams& p) { p.stop = {"a", ""}; }},
        Case{"sampling.stop[0]", [](SamplingParams& p) { p.stop = {std::string(257, 'a')}; }},
        Case{"sampling.stop[0]", [](SamplingParams& p) { p.stop = {"\xA9"}; }}));

}  // namespace
}  // namespace steer

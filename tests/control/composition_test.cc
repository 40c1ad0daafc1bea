#include "core/control/composition.h"

#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/control/control_signal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random_signal.h"

namespace steer {
namespace {

constexpr Site kSite{1, SiteKind::kBlockOut};

ControlEntry Entry(SignalKind kind, std::map<std::string, HostTensor> tensors,
                   PositionRule positions = {}, Site site = kSite) {
  SignalData data;
  data.kind = kind;
  data.updates.push_back({.site = site, .tensors = std::move(tensors)});
  std::string id = SignalId(data);
  auto signal = ControlSignal::Create(id, data, at::kFloat, at::kCPU);
  return {.signal_id = std::move(id),
          .signal = std::move(signal),
          .multipliers = {{.m1 = 1, .m2 = 1}},
          .positions = positions};
}

ControlEntry Clamp(const std::vector<float>& w, PositionRule positions = {}, Site site = kSite) {
  return Entry(SignalKind::kClamp,
               {{"W", HostTensor::FromFloats({1, 3}, w)},
                {"a", HostTensor::FromFloats({1}, std::vector<float>{2})}},
               positions, site);
}

ControlEntry NullOut(const std::vector<float>& w) {
  return Entry(SignalKind::kNullOut, {{"w", HostTensor::FromFloats({3}, w)}});
}

TEST(CompositionTest, OrthogonalGuaranteesMeet) {
  EXPECT_TRUE(CheckComposition({}).ok());
  EXPECT_TRUE(
      CheckComposition({Clamp({1, 0, 0}), Clamp({0, 0.6F, 0.8F}), NullOut({0, 8, -6})}).ok());
}

TEST(CompositionTest, WhatWouldBreakAnotherGuaranteeIsRefusedByName) {
  for (const ControlEntry& second :
       {Clamp({0.6F, 0.8F, 0}), NullOut({1e-6F, 0, 1e-6F}), NullOut({300, 400, 0})}) {
    const absl::Status status =
        CheckComposition({NullOut({0, 0, 0.01F}), Clamp({1, 0, 0}), second});
    ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(DetailOf(status)->field, "controls[2].signal");
    EXPECT_THAT(DetailOf(status)->got, testing::HasSubstr("layers.1.block_out"));
  }
}

TEST(CompositionTest, WhatNeverMeetsIsNotRefused) {
  EXPECT_TRUE(
      CheckComposition({Clamp({1, 0, 0}), Clamp({0.6F, 0.8F, 0}, {}, {2, kSite.kind})}).ok())
      << "other sites";
  EXPECT_TRUE(CheckComposition({Clamp({1, 0, 0}, {.generated = false}),
                                Clamp({0.6F, 0.8F, 0}, {.prompt = false})})
                  .ok())
      << "other tokens";
  const ControlEntry vector =
      Entry(SignalKind::kVector, {{"v", HostTensor::FromFloats({3}, std::vector<float>{1, 1, 1})}});
  EXPECT_TRUE(CheckComposition({Clamp({1, 0, 0}), vector}).ok()) << "a vector guarantees nothing";
}

}  // namespace
}  // namespace steer

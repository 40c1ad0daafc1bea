#include "core/store/curve_record.h"

#include <cmath>
#include <functional>
#include <limits>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/test_curves.h"

namespace steer {
namespace {

const std::string kSignalId(64, 'a');

TEST(CurveRecordTest, TheIdIsThatOfTheDescribedForm) {
  // Printed by testdata/curve_id.py. If it changes, no stored curve can be read any more.
  EXPECT_EQ(CurveId(TestCurve(kSignalId)),
            "bad52a554374b4c3782e2019e8d9b8aad8ab1db4ea8a47b023a5c79aa1de69da");
}

TEST(CurveRecordTest, AllButTheIdAndTheTimeIsInTheId) {
  const CurveRecord curve = TestCurve(kSignalId);
  const std::string id = CurveId(curve);
  CurveRecord same = curve;
  same.id = kSignalId;
  same.created_unix_ms = 7;
  EXPECT_EQ(CurveId(same), id);

  const std::function<void(CurveRecord&)> changes[] = {
      [](CurveRecord& c) { c.signal_id += 'a'; },
      [](CurveRecord& c) { c.positions.prompt = false; },
      [](CurveRecord& c) { c.positions.generated = false; },
      [](CurveRecord& c) { c.positions.exclude_template_head = true; },
      [](CurveRecord& c) { c.positions.user_text_only = false; },
      [](CurveRecord& c) { c.model_fingerprint.clear(); },
      [](CurveRecord& c) { c.pairs_sha256[63] = 'c'; },
      [](CurveRecord& c) { c.system.pop_back(); },
      [](CurveRecord& c) { c.end_of_turn = false; },
      [](CurveRecord& c) { c.raw = true; },
      [](CurveRecord& c) { c.both_spellings = false; },
      [](CurveRecord& c) { c.multipliers[1] = std::nextafter(0.0, 1.0); },
      [](CurveRecord& c) { c.pairs = 3; },
      [](CurveRecord& c) { c.losses[0].positive_sum += 1e-15; },
      [](CurveRecord& c) { c.losses[5].negative_mean += 1e-15; },
      // The same bytes, divided otherwise.
      [](CurveRecord& c) { c.model_fingerprint += 'b', c.pairs_sha256.pop_back(); },
  };
  std::vector<std::string> ids = {id};
  for (const auto& change : changes) {
    CurveRecord changed = curve;
    change(changed);
    EXPECT_THAT(ids, ::testing::Not(::testing::Contains(CurveId(changed)))) << ids.size();
    ids.push_back(CurveId(changed));
  }
}

TEST(CurveRecordTest, TheSecondSignalIsInTheIdToo) {
  const CurveRecord curve = TestCurveOfTwo(kSignalId, std::string(64, 'd'));
  EXPECT_TRUE(ValidateCurve(curve).ok()) << ValidateCurve(curve);
  CurveRecord alone = curve;
  alone.second.reset();
  std::vector<std::string> ids = {CurveId(curve), CurveId(alone)};
  const std::function<void(SecondAxis&)> changes[] = {
      [](SecondAxis& second) { second.signal_id[0] = 'e'; },
      [](SecondAxis& second) { second.positions.prompt = true; },
      [](SecondAxis& second) { second.positions.user_text_only = true; },
      [](SecondAxis& second) { second.multipliers[1] = 0.75; },
  };
  for (const auto& change : changes) {
    CurveRecord changed = curve;
    change(*changed.second);
    EXPECT_THAT(ids, ::testing::Not(::testing::Contains(CurveId(changed)))) << ids.size();
    ids.push_back(CurveId(changed));
  }
  CurveRecord bad = curve;
  bad.second->multipliers = {0.5, 0.0};
  EXPECT_THAT(std::string(ValidateCurve(bad).message()),
              ::testing::HasSubstr("second.multipliers[1]"));
  bad = curve;
  bad.losses.pop_back();
  EXPECT_THAT(std::string(ValidateCurve(bad).message()), ::testing::HasSubstr("12"));
}

TEST(CurveRecordTest, WhatCannotBeACurveIsRefusedByName) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  struct Case {
    std::function<void(CurveRecord&)> change;
    const char* field;
  };
  const Case cases[] = {
      {[](CurveRecord& c) { c.multipliers.clear(), c.losses.clear(); }, "multipliers"},
      {[](CurveRecord& c) { c.multipliers[1] = kNan; }, "multipliers[1]"},
      {[](CurveRecord& c) { c.multipliers[2] = kInf; }, "multipliers[2]"},
      {[](CurveRecord& c) { c.multipliers[0] = -kInf; }, "multipliers[0]"},
      {[](CurveRecord& c) { c.multipliers[2] = c.multipliers[1]; }, "multipliers[2]"},
      {[](CurveRecord& c) { c.multipliers[1] = -2; }, "multipliers[1]"},
      {[](CurveRecord& c) { c.pairs = 0, c.losses.clear(); }, "pairs"},
      {[](CurveRecord& c) { c.pairs = -2; }, "pairs"},
      {[](CurveRecord& c) { c.losses.pop_back(); }, "losses"},
      {[](CurveRecord& c) { c.losses.push_back({}); }, "losses"},
      {[](CurveRecord& c) { c.losses[0].positive_sum = kNan; }, "losses[0][0]"},
      {[](CurveRecord& c) { c.losses[1].negative_sum = kInf; }, "losses[0][1]"},
      {[](CurveRecord& c) { c.losses[2].positive_mean = -kInf; }, "losses[1][0]"},
      {[](CurveRecord& c) { c.losses[5].negative_mean = kNan; }, "losses[2][1]"},
  };
  ASSERT_TRUE(ValidateCurve(TestCurve(kSignalId)).ok());
  for (const Case& bad : cases) {
    CurveRecord curve = TestCurve(kSignalId);
    bad.change(curve);
    const absl::Status status = ValidateCurve(curve);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.field;
    ASSERT_TRUE(DetailOf(status)) << bad.field;
    EXPECT_EQ(DetailOf(status)->field, bad.field);
  }
}

TEST(CurveRecordTest, ThereIsALimitToItsSize) {
  CurveRecord curve = TestCurve(kSignalId);
  curve.multipliers = {0.0, 1.0};
  curve.pairs = kMaxCurveLosses / 2;
  curve.losses.assign(static_cast<size_t>(kMaxCurveLosses), {1, 2, 3, 4});
  EXPECT_TRUE(ValidateCurve(curve).ok());
  ++curve.pairs;
  curve.losses.resize(curve.losses.size() + 2);
  const absl::Status status = ValidateCurve(curve);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("losses: got 2 multipliers x 500001 pairs, allowed: a product "
                                   "of at most 1000000"));
}

}  // namespace
}  // namespace steer

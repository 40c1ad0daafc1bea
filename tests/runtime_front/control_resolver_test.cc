#include "core/runtime/control_resolver.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/store/signal_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/test_signals.h"

namespace steer {
namespace {

using testing::ElementsAre;

class ControlResolverTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    const auto put = store_->Put(VectorSignal(1), {}, "");
    ASSERT_TRUE(put.ok()) << put.status();
    id_ = put->record.id;
    controls_.emplace(ModelMarks(), store_.get());
  }
  std::string FieldOf(const absl::Status& status) {
    return DetailOf(status).value_or(ErrorDetail{}).field;
  }
  ControlSpec Changing(std::vector<MultiplierRun> changes) {
    return {.signal = id_, .multiplier = 1.0, .changes = std::move(changes)};
  }

  TemporaryFolder folder_{MemoryFolder()};
  std::unique_ptr<SignalStore> store_;
  std::string id_;
  std::optional<ControlResolver> controls_;
};

TEST_F(ControlResolverTest, MultipliersOverTimeAreCheckedOneByOne) {
  const auto good = controls_->Resolve({Changing({{3, 2, 2}, {9, 0, 0}})});
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_THAT(good->set[0].multipliers,
              ElementsAre(MultiplierRun{0, 1, 1}, MultiplierRun{3, 2, 2}, MultiplierRun{9, 0, 0}));
  EXPECT_EQ(good->set[0].signal_id, id_);
  const std::vector<std::pair<std::vector<MultiplierRun>, std::string>> bad = {
      {{{0, 2, 2}}, "controls[0].changes[0].position"},
      {{{5, 2, 2}, {5, 3, 3}}, "controls[0].changes[1].position"},
      {{{-5, 2, 2}}, "controls[0].changes[0].position"},
      {{{5, 1e9, 2}}, "controls[0].changes[0].multiplier"},
      {{{5, 1, std::nan("")}}, "controls[0].changes[0].bias_multiplier"}};
  for (const auto& [changes, field] : bad) {
    EXPECT_EQ(FieldOf(controls_->Resolve({Changing(changes)}).status()), field);
  }
}

TEST_F(ControlResolverTest, AScaledSetScalesTheWholeCourse) {
  const auto controls = controls_->Resolve({Changing({{3, 2, 4}})});
  ASSERT_TRUE(controls.ok());
  EXPECT_THAT(controls->Scaled(std::vector<double>{-3})[0].multipliers,
              ElementsAre(MultiplierRun{0, -3, -3}, MultiplierRun{3, -6, -12}));
  EXPECT_FALSE(CheckFactor(*controls, 4e5, "multipliers[0]").ok());
  EXPECT_TRUE(CheckFactor(*controls, 2e5, "multipliers[0]").ok());
}

// A clamp has no bias part: a receipt's second multiplier may come back, and no other.
TEST_F(ControlResolverTest, WithoutABiasPartTheSecondMultiplierMayOnlyRepeatTheFirst) {
  const auto put = store_->Put(ClampSignal(), {}, "");
  ASSERT_TRUE(put.ok()) << put.status();
  const std::string& clamp = put->record.id;
  const auto resolved = [&](std::optional<double> m2, std::vector<MultiplierRun> changes = {}) {
    return controls_->Resolve(
        {{.signal = clamp, .multiplier = 0.5, .bias_multiplier = m2, .changes = changes}});
  };
  const auto good = resolved(0.5, {{3, 0.25, 0.25}});
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->resolved[0].kind, SignalKind::kClamp);
  EXPECT_TRUE(resolved(std::nullopt).ok());
  const absl::Status bad = resolved(0.0).status();
  EXPECT_EQ(FieldOf(bad), "controls[0].bias_multiplier");
  EXPECT_THAT(std::string(bad.message()),
              testing::HasSubstr("got 0 beside a multiplier of 0.5, allowed: none"));
  EXPECT_EQ(FieldOf(resolved(std::nullopt, {{3, 0, 0.5}}).status()),
            "controls[0].changes[0].bias_multiplier");
}

TEST_F(ControlResolverTest, NumbersInErrorsAreWrittenOut) {
  const auto detail =
      DetailOf(controls_->Resolve({{.signal = id_, .multiplier = 1000001.0}}).status());
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->got, "1000001");
  EXPECT_EQ(detail->allowed, "a finite number from -1000000 to 1000000");
}

// One resolver, many callers, aliases that move meanwhile: each gets one of the versions, whole.
TEST_F(ControlResolverTest, ManyCallersWhileAnAliasMoves) {
  const auto other = store_->Put(VectorSignal(2), {}, "");
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(store_->SetAlias("mood", id_, std::nullopt).ok());
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        const auto controls = controls_->Resolve({{.signal = "mood"}});
        ASSERT_TRUE(controls.ok()) << controls.status();
        EXPECT_TRUE(controls->set[0].signal_id == id_ ||
                    controls->set[0].signal_id == other->record.id);
        EXPECT_EQ(controls->resolved[0].signal_id, controls->set[0].signal_id);
      }
    });
  }
  for (int round = 0; round < 40; ++round) {
    ASSERT_TRUE(
        store_->SetAlias("mood", round % 2 == 0 ? other->record.id : id_, std::nullopt).ok());
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace steer

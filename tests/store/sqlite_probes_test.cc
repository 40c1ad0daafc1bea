// Probe sets in the store and what was measured with them.

#include <string>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sqlite_store_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SqliteProbesTest : public SqliteStoreTest {
 protected:
  ProbeRun Run(const std::string& signal, const std::string& signal_id, double preference) {
    ProbeRun run{.signal = signal,
                 .signal_id = signal_id,
                 .model_fingerprint = "fingerprint",
                 .pairs = 3,
                 .plain_preference = 0.25,
                 .plain_utility = -1.5};
    run.points.push_back({.positions = {.prompt = false, .generated = true},
                          .multiplier = 2,
                          .bias_multiplier = 1,
                          .uses = 7,
                          .preference = preference,
                          .utility = -2});
    run.points.push_back({.positions = {},
                          .multiplier = -1,
                          .bias_multiplier = -1,
                          .uses = 1,
                          .preference = 0,
                          .utility = std::nullopt});
    return run;
  }

  ProbeRun MustAdd(const ProbeRun& run) {
    absl::StatusOr<ProbeRun> added = store_->AddProbeRun(run);
    EXPECT_TRUE(added.ok()) << added.status();
    return added.ok() ? *std::move(added) : ProbeRun();
  }

  std::vector<double> Preferences(const std::string& signal) {
    std::vector<double> preferences;
    std::string token;
    do {
      const absl::StatusOr<Page<ProbeRun>> page = store_->ListProbeRuns(signal, 2, token);
      EXPECT_TRUE(page.ok()) << page.status();
      for (const ProbeRun& run : page->items) preferences.push_back(run.points.front().preference);
      token = page->next_page_token;
    } while (!token.empty());
    return preferences;
  }

  void MustPut(const std::string& signal) {
    const absl::StatusOr<ProbeSet> put = store_->PutProbeSet({signal, "{}", 0});
    EXPECT_TRUE(put.ok()) << put.status();
  }
};

TEST_F(SqliteProbesTest, KeepsEverythingAcrossAReopening) {
  const std::string id = Put(1);
  const absl::StatusOr<ProbeSet> set = store_->PutProbeSet({"calm", "definition", 0});
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_GT(set->created_unix_ms, 0);
  ProbeRun other = Run("calm", id, 2);
  other.plain_utility.reset();
  const ProbeRun first = MustAdd(Run("calm", id, 1)), last = MustAdd(other);
  EXPECT_GT(first.measured_unix_ms, 0);
  Reopen();
  const absl::StatusOr<std::vector<ProbeSet>> sets = store_->ListProbeSets();
  ASSERT_TRUE(sets.ok()) << sets.status();
  EXPECT_THAT(*sets, ElementsAre(*set));
  const absl::StatusOr<Page<ProbeRun>> page = store_->ListProbeRuns("calm", 10, "");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(page->items, ElementsAre(last, first));
  EXPECT_EQ(*store_->FirstProbeRun("calm"), first);
}

TEST_F(SqliteProbesTest, RunsArePagedNewestFirst) {
  const std::string id = Put(1);
  MustPut("calm");
  MustPut("other");
  for (int i = 0; i < 5; ++i) MustAdd(Run("calm", id, i));
  MustAdd(Run("other", id, 9));
  EXPECT_THAT(Preferences("calm"), ElementsAre(4, 3, 2, 1, 0));
  EXPECT_THAT(Preferences("other"), ElementsAre(9));
}

TEST_F(SqliteProbesTest, TheFirstRunAndTheLastThousandStay) {
  const std::string id = Put(1);
  MustPut("calm");
  for (int i = 0; i < kKeptProbeRuns + 3; ++i) MustAdd(Run("calm", id, i));
  const std::vector<double> kept = Preferences("calm");
  ASSERT_THAT(kept, SizeIs(kKeptProbeRuns + 1));
  EXPECT_EQ(kept.front(), kKeptProbeRuns + 2);
  EXPECT_EQ(kept[kKeptProbeRuns - 1], 3);
  EXPECT_EQ(kept.back(), 0);
}

TEST_F(SqliteProbesTest, AnotherSetBeginsAnew) {
  const std::string id = Put(1);
  MustPut("calm");
  MustAdd(Run("calm", id, 1));
  MustPut("calm");
  EXPECT_THAT(Preferences("calm"), IsEmpty());
  EXPECT_FALSE(store_->FirstProbeRun("calm")->has_value());
  MustAdd(Run("calm", id, 2));
  EXPECT_TRUE(store_->DeleteProbeSet("calm").ok());
  EXPECT_TRUE(absl::IsNotFound(store_->DeleteProbeSet("calm")));
  EXPECT_TRUE(absl::IsNotFound(store_->ListProbeRuns("calm", 1, "").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->AddProbeRun(Run("calm", id, 3)).status()));
}

TEST_F(SqliteProbesTest, ASignalTakesWhatMeasuredItAlong) {
  const std::string gone = Put(1), stays = Put(2);
  MustPut("calm");
  MustPut(gone);
  MustAdd(Run("calm", gone, 1));
  MustAdd(Run("calm", stays, 2));
  MustAdd(Run(gone, gone, 3));
  EXPECT_TRUE(store_->Delete(gone, false).ok());
  // The alias may point to another version now, and its watch goes on.
  EXPECT_THAT(Preferences("calm"), ElementsAre(2));
  EXPECT_THAT(*store_->ListProbeSets(), SizeIs(1));
  EXPECT_TRUE(absl::IsNotFound(store_->AddProbeRun(Run("calm", gone, 4)).status()));
}

}  // namespace
}  // namespace steer

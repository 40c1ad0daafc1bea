// Dose curves in the store.

#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sqlite_store_fixture.h"
#include "tests/store/test_curves.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SqliteCurvesTest : public SqliteStoreTest {
 protected:
  CurveRecord MustPut(const CurveRecord& curve) {
    absl::StatusOr<CurveRecord> put = store_->PutCurve(curve);
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? *std::move(put) : CurveRecord();
  }

  std::vector<std::string> Ids(absl::string_view signal_id) {
    const absl::StatusOr<Page<CurveRecord>> page = store_->ListCurves(signal_id, 1000, "");
    EXPECT_TRUE(page.ok()) << page.status();
    std::vector<std::string> ids;
    for (const CurveRecord& curve : page->items) ids.push_back(curve.id);
    return ids;
  }
};

TEST_F(SqliteCurvesTest, KeepsEverythingAcrossAReopening) {
  CurveRecord expected = TestCurve(Put(1));
  expected.positions = {
      .prompt = false, .generated = true, .exclude_template_head = true, .user_text_only = false};
  CurveRecord other = TestCurve(expected.signal_id, 2);
  other.system.clear();
  other.raw = true;
  other.end_of_turn = false;
  other.both_spellings = false;
  const CurveRecord put = MustPut(expected);
  expected.id = CurveId(expected);
  expected.created_unix_ms = put.created_unix_ms;
  EXPECT_GT(put.created_unix_ms, 0);
  EXPECT_EQ(put, expected);
  other = MustPut(other);
  Reopen();
  for (const CurveRecord& curve : {expected, other}) {
    const absl::StatusOr<CurveRecord> got = store_->GetCurve(curve.id);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, curve);
  }
}

TEST_F(SqliteCurvesTest, PuttingAgainKeepsIdTimeAndPlace) {
  const CurveRecord first = MustPut(TestCurve(Put(1), 1));
  Execute("UPDATE curves SET created_unix_ms = 5");
  const CurveRecord second = MustPut(TestCurve(first.signal_id, 2));
  const CurveRecord again = MustPut(TestCurve(first.signal_id, 1));
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.created_unix_ms, 5);
  EXPECT_EQ(store_->GetCurve(first.id)->created_unix_ms, 5);
  EXPECT_THAT(Ids(""), ElementsAre(second.id, first.id));
  // What the caller says of id and time does not count.
  CurveRecord forged = TestCurve(first.signal_id, 1);
  forged.id = kUnknownId;
  forged.created_unix_ms = 1;
  EXPECT_EQ(MustPut(forged), again);
}

TEST_F(SqliteCurvesTest, ListsAreWithoutLosses) {
  const CurveRecord put = MustPut(TestCurve(Put(1)));
  const absl::StatusOr<Page<CurveRecord>> page = store_->ListCurves("", 10, "");
  ASSERT_TRUE(page.ok()) << page.status();
  CurveRecord head = put;
  head.losses.clear();
  EXPECT_THAT(page->items, ElementsAre(head));
  EXPECT_EQ(page->next_page_token, "");
}

TEST_F(SqliteCurvesTest, PagesAreNewestFirstAndStableWhileCurvesComeAndGo) {
  const std::string signal = Put(1);
  const std::string other_signal = Put(2);
  std::vector<std::string> ids;
  std::vector<std::string> other_ids;
  for (int i = 0; i < 7; ++i) {
    ids.push_back(MustPut(TestCurve(signal, i)).id);
    other_ids.push_back(MustPut(TestCurve(other_signal, i)).id);
  }
  std::vector<std::string> seen;
  std::string token;
  int pages = 0;
  do {
    const absl::StatusOr<Page<CurveRecord>> page = store_->ListCurves(signal, 3, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const CurveRecord& curve : page->items) seen.push_back(curve.id);
    token = page->next_page_token;
    if (pages == 0) {
      MustPut(TestCurve(signal, 100));                // newer than the first page
      ASSERT_TRUE(store_->DeleteCurve(ids[4]).ok());  // the last item of the first page
      ASSERT_TRUE(store_->DeleteCurve(ids[2]).ok());  // not seen yet
      MustPut(TestCurve(signal, 1));                  // again: keeps its place
    }
    ++pages;
  } while (!token.empty());
  EXPECT_THAT(seen, ElementsAre(ids[6], ids[5], ids[4], ids[3], ids[1], ids[0]));
  EXPECT_EQ(pages, 2);
  const std::vector<std::string> all = Ids("");
  ASSERT_EQ(all.size(), 13U);
  EXPECT_EQ(all[1], other_ids[6]);
  EXPECT_EQ(all[2], ids[6]);
  EXPECT_EQ(all.back(), ids[0]);
  EXPECT_THAT(Ids(kUnknownId), IsEmpty());
}

TEST_F(SqliteCurvesTest, PageTokensBelongToOneList) {
  const std::string signal = Put(1);
  const std::string other = Put(2);
  for (int i = 0; i < 2; ++i) {
    MustPut(TestCurve(signal, i));
    MustPut(TestCurve(other, i));
  }
  const std::string token = store_->ListCurves(signal, 1, "")->next_page_token;
  EXPECT_TRUE(store_->ListCurves(signal, 1, token).ok());
  for (const absl::Status& refused :
       {store_->ListCurves("", 1, token).status(), store_->ListCurves(other, 1, token).status(),
        store_->List(1, token).status(),
        store_->ListCurves(signal, 1, store_->List(1, "")->next_page_token).status()}) {
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << refused;
    EXPECT_EQ(DetailOf(refused)->field, "page_token");
  }
  for (const int size : {-1, 0, 1001}) {
    EXPECT_EQ(DetailOf(store_->ListCurves("", size, "").status())->field, "page_size");
  }
  EXPECT_TRUE(store_->ListCurves("", 1000, "").ok());
}

TEST_F(SqliteCurvesTest, UnknownCurvesAndSignalsAreNotFound) {
  const std::string signal = Put(1);
  const CurveRecord put = MustPut(TestCurve(signal));
  for (const std::string& id : {kUnknownId, std::string(), signal, put.id.substr(1)}) {
    EXPECT_EQ(store_->GetCurve(id).status().code(), absl::StatusCode::kNotFound) << id;
    EXPECT_EQ(store_->DeleteCurve(id).code(), absl::StatusCode::kNotFound) << id;
  }
  ASSERT_TRUE(store_->DeleteCurve(put.id).ok());
  EXPECT_EQ(store_->GetCurve(put.id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->DeleteCurve(put.id).code(), absl::StatusCode::kNotFound);
  // An alias is no signal here: it may move.
  ASSERT_TRUE(store_->SetAlias("alias", signal, std::nullopt).ok());
  for (const std::string& id : {kUnknownId, std::string(), std::string("alias")}) {
    const absl::Status status = store_->PutCurve(TestCurve(id)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    EXPECT_EQ(DetailOf(status)->field, "signal");
  }
  EXPECT_THAT(Ids(""), IsEmpty());
}

TEST_F(SqliteCurvesTest, WhatIsNoCurveIsRefusedAndNotKept) {
  CurveRecord curve = TestCurve(Put(1));
  curve.losses[3].negative_mean = std::numeric_limits<double>::quiet_NaN();
  const absl::Status status = store_->PutCurve(curve).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(DetailOf(status)->field, "losses[1][1]");
  EXPECT_THAT(Ids(""), IsEmpty());
}

TEST_F(SqliteCurvesTest, ASignalTakesItsCurvesWithIt) {
  const std::string signal = Put(1);
  const std::string other = Put(2);
  const std::string curve = MustPut(TestCurve(signal, 1)).id;
  MustPut(TestCurve(signal, 2));
  const std::string kept = MustPut(TestCurve(other, 1)).id;
  ASSERT_TRUE(store_->SetAlias("a", signal, std::nullopt).ok());
  EXPECT_FALSE(store_->Delete(signal, false).ok());
  EXPECT_EQ(Ids("").size(), 3U);
  ASSERT_TRUE(store_->Delete(signal, true).ok());
  EXPECT_THAT(Ids(""), ElementsAre(kept));
  EXPECT_EQ(store_->GetCurve(curve).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->PutCurve(TestCurve(signal)).status().code(), absl::StatusCode::kNotFound);
  Reopen();
  EXPECT_THAT(Ids(""), ElementsAre(kept));
  // The signal comes back without them.
  EXPECT_EQ(Put(1), signal);
  EXPECT_THAT(Ids(signal), IsEmpty());
}

TEST_F(SqliteCurvesTest, DamageIsDataLossAndPuttingAgainRepairsIt) {
  const CurveRecord curve = MustPut(TestCurve(Put(1)));
  const std::string other = Put(2);
  for (const std::string& damage :
       {std::string("losses = zeroblob(length(losses))"),
        std::string("losses = zeroblob(length(losses) + 1)"),
        std::string("losses = zeroblob(length(losses) + 32)"),
        std::string("losses = CAST(substr(losses, 1, length(losses) - 1) AS BLOB)"),
        std::string("losses = CAST(substr(losses, 1, length(losses) - 32) AS BLOB)"),
        std::string("losses = x''"), "signal_id = '" + other + "'",
        std::string("on_prompt = 1 - on_prompt"), std::string("on_generated = 1 - on_generated"),
        std::string("exclude_template_head = 1 - exclude_template_head"),
        std::string("user_text_only = 1 - user_text_only"), std::string("model_fingerprint = 'x'"),
        std::string("pairs_sha256 = 'x'"), std::string("system = x''"),
        std::string("end_of_turn = 1 - end_of_turn"), std::string("raw = 1 - raw"),
        std::string("both_spellings = 1 - both_spellings"),
        std::string("multipliers = zeroblob(length(multipliers))"),
        std::string("multipliers = zeroblob(length(multipliers) + 1)"),
        std::string("multipliers = x''"), std::string("pairs = 3"), std::string("pairs = 0"),
        std::string("pairs = -2"), std::string("pairs = 9223372036854775807"),
        // As many entries, divided otherwise.
        std::string("pairs = 3, multipliers = zeroblob(16)")}) {
    SCOPED_TRACE(damage);
    Execute("UPDATE curves SET " + damage);
    const absl::Status status = store_->GetCurve(curve.id).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(curve.id));
    EXPECT_EQ(MustPut(TestCurve(curve.signal_id)), curve);
    ASSERT_TRUE(store_->GetCurve(curve.id).ok());
  }
  // Even a damaged one can be deleted.
  Execute("UPDATE curves SET losses = x'', multipliers = x'00'");
  EXPECT_TRUE(store_->DeleteCurve(curve.id).ok());
  EXPECT_THAT(Ids(""), IsEmpty());
}

TEST_F(SqliteCurvesTest, TheLargestCurveFits) {
  CurveRecord curve = TestCurve(Put(1));
  curve.multipliers.clear();
  for (int i = 0; i < 100; ++i) curve.multipliers.push_back(i);
  curve.pairs = kMaxCurveLosses / 100;
  curve.losses.clear();
  for (int64_t i = 0; i < kMaxCurveLosses; ++i) {
    curve.losses.push_back({static_cast<double>(i), 1, 2, 3});
  }
  const CurveRecord put = MustPut(curve);
  Reopen();
  const absl::StatusOr<CurveRecord> got = store_->GetCurve(put.id);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(*got == put);
}

TEST_F(SqliteCurvesTest, RacingPutsAndDeletesLeaveNoCurveWithoutItsSignal) {
  const SignalData signal = VectorSignal(1);
  const std::string id = SignalId(signal);
  std::vector<std::thread> threads;
  std::atomic<int> unexpected = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        absl::Status status;
        if (t < 2) {
          status = store_->PutCurve(TestCurve(id, t)).status();
        } else {
          status = t == 2 ? store_->Put(signal, {}, "").status() : store_->Delete(id, false);
        }
        if (!status.ok() && !absl::IsNotFound(status)) ++unexpected;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(unexpected, 0);
  if (!store_->Get(id).ok()) {
    EXPECT_THAT(Ids(""), IsEmpty());
  }
}

TEST_F(SqliteCurvesTest, ACurveOfTwoSignalsBelongsToBoth) {
  const std::string first = Put(1), second = Put(2);
  const CurveRecord alone = MustPut(TestCurve(first));
  const CurveRecord expected = MustPut(TestCurveOfTwo(first, second));
  // Once more, which writes both rows anew.
  EXPECT_EQ(MustPut(TestCurveOfTwo(first, second)), expected);
  Reopen();
  const absl::StatusOr<CurveRecord> got = store_->GetCurve(expected.id);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, expected);
  EXPECT_THAT(Ids(first), ElementsAre(expected.id, alone.id));
  EXPECT_THAT(Ids(second), ElementsAre(expected.id));
  EXPECT_THAT(Ids(""), ElementsAre(expected.id, alone.id));
  // Lists have all of it but the losses.
  const absl::StatusOr<Page<CurveRecord>> page = store_->ListCurves(second, 1, "");
  EXPECT_EQ(page->items.front().second, expected.second);
  // It goes with either signal, and the other's own curve stays.
  EXPECT_TRUE(store_->Delete(second, false).ok());
  EXPECT_THAT(Ids(""), ElementsAre(alone.id));
  EXPECT_TRUE(absl::IsNotFound(store_->PutCurve(TestCurveOfTwo(first, second)).status()));
}

TEST_F(SqliteCurvesTest, ADamagedSecondAxisIsALoss) {
  const CurveRecord curve = MustPut(TestCurveOfTwo(Put(1), Put(2)));
  Execute("UPDATE second_axes SET multipliers = x'00'");
  EXPECT_EQ(store_->GetCurve(curve.id).status().code(), absl::StatusCode::kDataLoss);
  MustPut(TestCurveOfTwo(curve.signal_id, curve.second->signal_id));
  EXPECT_TRUE(store_->GetCurve(curve.id).ok());
}

TEST_F(SqliteCurvesTest, ACurveOfTwoCanBeDeleted) {
  const CurveRecord curve = MustPut(TestCurveOfTwo(Put(1), Put(2)));
  EXPECT_TRUE(store_->DeleteCurve(curve.id).ok());
  EXPECT_THAT(Ids(""), IsEmpty());
  EXPECT_TRUE(store_->Delete(curve.second->signal_id, false).ok());
}

}  // namespace
}  // namespace steer

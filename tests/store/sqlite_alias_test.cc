#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sqlite_store_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(SqliteStoreTest, AliasNamesHaveASyntax) {
  const std::string id = Put(1);
  for (const std::string& good : {std::string("a"), std::string("A.b_c/d-9"), std::string(128, 'x'),
                                  std::string(63, 'a'), std::string(65, 'a')}) {
    EXPECT_TRUE(store_->SetAlias(good, id, std::nullopt).ok()) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a\n"), std::string("ä"),
        std::string(129, 'x'), kUnknownId, std::string(64, 'F'), std::string("a\0b", 3)}) {
    const absl::Status status = store_->SetAlias(bad, id, std::nullopt).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(DetailOf(status)->field, "name");
  }
}

TEST_F(SqliteStoreTest, AliasesMoveOnlyFromTheExpectedVersion) {
  const std::string first = Put(1);
  const std::string second = Put(2);
  EXPECT_EQ(store_->SetAlias("a", first, 1).status().code(), absl::StatusCode::kAborted);
  const absl::StatusOr<AliasRecord> made = store_->SetAlias("a", first, 0);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->version, 1);
  EXPECT_EQ(made->signal_id, first);
  EXPECT_EQ(store_->SetAlias("a", second, 0).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store_->SetAlias("a", second, 2).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store_->SetAlias("a", second, -1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Get("a")->id, first);
  EXPECT_EQ(store_->SetAlias("a", second, 1)->version, 2);
  EXPECT_EQ(store_->Get("a")->id, second);
  EXPECT_EQ(store_->SetAlias("a", first, std::nullopt)->version, 3);
  EXPECT_THAT(store_->Get(second)->aliases, IsEmpty());
  EXPECT_THAT(store_->Get(first)->aliases, ElementsAre("a"));
}

TEST_F(SqliteStoreTest, VersionsGoOnWhenAnAliasComesBack) {
  const std::string id = Put(1);
  ASSERT_EQ(store_->SetAlias("a", id, std::nullopt)->version, 1);
  ASSERT_EQ(store_->SetAlias("a", id, std::nullopt)->version, 2);
  ASSERT_TRUE(store_->DeleteAlias("a").ok());
  EXPECT_EQ(store_->DeleteAlias("a").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(store_->ListAliases(10, "")->items, IsEmpty());
  Reopen();
  // A caller who still holds version 2 must not match by accident.
  EXPECT_EQ(store_->SetAlias("a", id, 2).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store_->SetAlias("a", id, 0)->version, 3);
  // The same when the alias goes with its signal.
  ASSERT_TRUE(store_->Delete(id, true).ok());
  ASSERT_EQ(Put(1), id);
  EXPECT_EQ(store_->SetAlias("a", id, 3).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store_->SetAlias("a", id, 0)->version, 4);
}

TEST_F(SqliteStoreTest, RacingMovesOfAnAliasWinOnceEach) {
  const std::string id = Put(1);
  ASSERT_TRUE(store_->SetAlias("a", id, 0).ok());
  std::atomic<int> moved = 0;
  std::atomic<int> aborted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const int64_t seen = store_->ListAliases(1, "")->items[0].version;
        const absl::StatusOr<AliasRecord> alias = store_->SetAlias("a", id, seen);
        if (alias.ok() && alias->version == seen + 1) ++moved;
        if (absl::IsAborted(alias.status())) ++aborted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(moved + aborted, 40);
  EXPECT_EQ(store_->ListAliases(1, "")->items[0].version, 1 + moved);
}

}  // namespace
}  // namespace steer

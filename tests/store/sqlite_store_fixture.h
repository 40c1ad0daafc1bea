#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <utility>

#include "core/store/sqlite_store.h"
#include "gtest/gtest.h"
#include "tests/store/test_signals.h"

namespace steer {

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() { Reopen(); }

  void Reopen() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<SignalStore>> store = OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // The id of a stored vector.
  std::string Put(int seed) {
    const absl::StatusOr<SignalStore::PutResult> put = store_->Put(VectorSignal(seed), {}, "");
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? put->record.id : "";
  }

  std::string PayloadPath(const std::string& id) {
    return folder_.path() + "/payloads/" + id + ".safetensors";
  }

  // Behind the store's back, while it is open.
  void Execute(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((folder_.path() + "/signals.db").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sql << ": " << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  const TemporaryFolder folder_;
  std::unique_ptr<SignalStore> store_;
};

inline const std::string kUnknownId(64, 'a');

}  // namespace steer

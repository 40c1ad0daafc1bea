// What is found, or lost, in the folder when a store opens or loads.

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sqlite_store_fixture.h"
#include "tests/store/test_curves.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(SqliteStoreTest, ADamagedPayloadIsDataLossThatNamesTheFileAndCanBeRepaired) {
  const std::string id = Put(1);
  const std::string path = PayloadPath(id);
  std::string sound;
  {
    std::ifstream stream(path, std::ios::binary);
    sound.assign(std::istreambuf_iterator<char>(stream), {});
  }
  const auto write = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  };
  std::string flipped = sound;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  for (const std::string& damaged : {std::string(), sound.substr(0, sound.size() - 1), sound + "x",
                                     flipped, std::string(sound.size(), '\0')}) {
    write(damaged);
    const absl::Status status = store_->Load(id).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
  std::filesystem::remove(path);
  EXPECT_EQ(store_->Load(id).status().code(), absl::StatusCode::kDataLoss);
  // Opening does not hide the loss.
  Reopen();
  EXPECT_TRUE(store_->Get(id).ok());
  EXPECT_EQ(store_->Load(id).status().code(), absl::StatusCode::kDataLoss);
  const absl::StatusOr<SignalStore::PutResult> again = store_->Put(VectorSignal(1), {}, "");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->existed);
  EXPECT_TRUE(store_->Load(id).ok());
}

TEST_F(SqliteStoreTest, OpeningRemovesLeftoversAndNothingElse) {
  const std::string id = Put(1);
  store_.reset();
  const std::string folder = folder_.path() + "/payloads/";
  for (const std::string& name : {kUnknownId + ".safetensors", kUnknownId + ".1.tmp", id + ".7.tmp",
                                  std::string("README"), std::string("a.tmp")}) {
    std::ofstream(folder + name) << "x";
  }
  Reopen();
  EXPECT_THAT(folder_.Names("payloads"),
              ::testing::UnorderedElementsAre(id + ".safetensors", "README", "a.tmp"));
  EXPECT_TRUE(store_->Load(id).ok());
}

TEST_F(SqliteStoreTest, ALostDatabaseDoesNotTakeThePayloadsWithIt) {
  const std::string id = Put(1);
  store_.reset();
  for (const char* name : {"/signals.db", "/signals.db-wal", "/signals.db-shm"}) {
    std::filesystem::remove(folder_.path() + name);
  }
  const absl::Status status = OpenSqliteStore(folder_.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("signals.db"));
  EXPECT_THAT(folder_.Names("payloads"), ElementsAre(id + ".safetensors"));
  // And again: the first refusal must not have made a database.
  EXPECT_EQ(OpenSqliteStore(folder_.path()).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SqliteStoreTest, ADatabaseOfANewerVersionIsRefused) {
  store_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() + "/signals.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const absl::Status status = OpenSqliteStore(folder_.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 99"));
}

// What the steps to these versions made, taken away again.
constexpr char kUndo6[] =
    "DROP TABLE jobs; DROP TABLE datasets; ALTER TABLE signals DROP COLUMN provenance; ";
constexpr char kUndo5[] = "DROP TABLE probe_points; DROP TABLE probe_runs; DROP TABLE probe_sets; ";
constexpr char kUndo4[] = "DROP TABLE second_axes; ";
constexpr char kUndo3[] = "DROP TABLE curves; ";

TEST_F(SqliteStoreTest, ADatabaseOfVersion1IsBroughtUpToDate) {
  const std::string id = Put(1);
  store_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() + "/signals.db").c_str(), &db), SQLITE_OK);
  const std::string undo =
      absl::StrCat(kUndo6, kUndo5, kUndo4, kUndo3,
                   "ALTER TABLE signals DROP COLUMN user_text_only; ", "PRAGMA user_version = 1");
  ASSERT_EQ(sqlite3_exec(db, undo.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  Reopen();
  const absl::StatusOr<SignalRecord> record = store_->Get(id);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->default_positions, VectorSignal(1).default_positions);
  EXPECT_FALSE(record->default_positions.user_text_only);
}

TEST_F(SqliteStoreTest, ADatabaseOfVersion5GetsJobsAndDatasets) {
  const std::string id = Put(1);
  store_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() + "/signals.db").c_str(), &db), SQLITE_OK);
  const std::string undo = absl::StrCat(kUndo6, "PRAGMA user_version = 5");
  ASSERT_EQ(sqlite3_exec(db, undo.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  Reopen();
  EXPECT_EQ(store_->Get(id)->provenance, "");
  EXPECT_TRUE(store_->SetProvenance(id, "{}").ok());
  EXPECT_EQ(*store_->AddJob("", ""), 1);
  EXPECT_TRUE(store_->PutDataset("rows", 1, "", "").ok());
}

TEST_F(SqliteStoreTest, ADatabaseOfVersion3KeepsItsCurves) {
  const std::string first = Put(1), second = Put(2);
  const absl::StatusOr<CurveRecord> curve = store_->PutCurve(TestCurve(first));
  ASSERT_TRUE(curve.ok()) << curve.status();
  store_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() + "/signals.db").c_str(), &db), SQLITE_OK);
  const std::string undo = absl::StrCat(kUndo6, kUndo5, kUndo4, "PRAGMA user_version = 3");
  ASSERT_EQ(sqlite3_exec(db, undo.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  Reopen();
  EXPECT_EQ(*store_->GetCurve(curve->id), *curve);
  EXPECT_TRUE(store_->PutCurve(TestCurveOfTwo(first, second)).ok());
  EXPECT_TRUE(store_->PutProbeSet({"calm", "{}", 0}).ok());
}

TEST_F(SqliteStoreTest, ADatabaseOfVersion2IsBroughtUpToDate) {
  SignalData signal = VectorSignal(1);
  signal.default_positions.user_text_only = true;
  const absl::StatusOr<SignalStore::PutResult> put = store_->Put(signal, {{"a", "b"}}, "text");
  ASSERT_TRUE(put.ok()) << put.status();
  ASSERT_TRUE(store_->SetAlias("alias", put->record.id, std::nullopt).ok());
  store_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() + "/signals.db").c_str(), &db), SQLITE_OK);
  const std::string undo = absl::StrCat(kUndo6, kUndo5, kUndo4, kUndo3, "PRAGMA user_version = 2");
  ASSERT_EQ(sqlite3_exec(db, undo.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  Reopen();
  const absl::StatusOr<SignalRecord> record = store_->Get("alias");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_TRUE(record->default_positions.user_text_only);
  EXPECT_EQ(record->description, "text");
  EXPECT_TRUE(store_->ListCurves("", 10, "")->items.empty());
  const absl::StatusOr<CurveRecord> curve = store_->PutCurve(TestCurve(record->id));
  ASSERT_TRUE(curve.ok()) << curve.status();
  Reopen();
  EXPECT_EQ(*store_->GetCurve(curve->id), *curve);
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsDataLoss) {
  store_.reset();
  std::filesystem::remove(folder_.path() + "/signals.db-wal");
  std::ofstream(folder_.path() + "/signals.db", std::ios::trunc) << std::string(8192, 'x');
  const absl::Status status = OpenSqliteStore(folder_.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("signals.db"));
}

TEST_F(SqliteStoreTest, MakesMissingDirectories) {
  const std::string deep = folder_.path() + "/a/b/c/";
  const absl::StatusOr<std::unique_ptr<SignalStore>> store = OpenSqliteStore(deep);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->Put(VectorSignal(1), {}, "").ok());
  EXPECT_EQ(folder_.Names("a/b/c/payloads").size(), 1U);
  std::ofstream(folder_.path() + "/file") << "x";
  EXPECT_EQ(OpenSqliteStore(folder_.path() + "/file").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenSqliteStore("").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace steer

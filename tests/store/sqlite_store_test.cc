#include "core/store/sqlite_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/test_signals.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

  const TemporaryFolder folder_;
  std::unique_ptr<SignalStore> store_;
};

const std::string kUnknownId(64, 'a');

TEST_F(SqliteStoreTest, KeepsEverythingAcrossAReopening) {
  const SignalData signal = LoraSignal();
  const std::map<std::string, std::string> labels = {{"topic", "süß 甜"}, {"empty", ""}};
  const absl::StatusOr<SignalStore::PutResult> put = store_->Put(signal, labels, "a\n\"b\"");
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_FALSE(put->existed);
  ASSERT_TRUE(store_->SetAlias("sweet/v1", put->record.id, std::nullopt).ok());
  ASSERT_TRUE(store_->SetAlias("a-name", put->record.id, std::nullopt).ok());
  Reopen();
  const absl::StatusOr<SignalRecord> record = store_->Get("sweet/v1");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->id, SignalId(signal));
  EXPECT_EQ(record->kind, SignalKind::kLora);
  EXPECT_THAT(record->sites, ElementsAre("layers.1.down_proj", "layers.1.block_out"));
  EXPECT_EQ(record->marks.shape, "shape-mark");
  EXPECT_EQ(record->marks.weights, "weights-mark");
  EXPECT_EQ(record->default_multiplier, -2.5);
  EXPECT_EQ(record->default_positions, signal.default_positions);
  EXPECT_EQ(record->payload_bytes,
            static_cast<int64_t>(std::filesystem::file_size(PayloadPath(record->id))));
  EXPECT_EQ(record->created_unix_ms, put->record.created_unix_ms);
  EXPECT_EQ(record->labels, labels);
  EXPECT_EQ(record->description, "a\n\"b\"");
  EXPECT_THAT(record->aliases, ElementsAre("a-name", "sweet/v1"));
  const absl::StatusOr<SignalData> loaded = store_->Load(record->id);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(SignalId(*loaded), record->id);
}

TEST_F(SqliteStoreTest, PuttingAgainKeepsWhatWasThere) {
  ASSERT_TRUE(store_->Put(VectorSignal(1), {{"a", "1"}}, "first").ok());
  const absl::StatusOr<SignalStore::PutResult> again =
      store_->Put(VectorSignal(1), {{"b", "2"}}, "second");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(again->record.description, "first");
  EXPECT_EQ(again->record.labels, (std::map<std::string, std::string>{{"a", "1"}}));
  EXPECT_EQ(folder_.Names("payloads").size(), 1U);
}

TEST_F(SqliteStoreTest, UnknownNamesAreNotFound) {
  Put(1);
  for (const std::string& name :
       {std::string("nobody"), kUnknownId, std::string(), std::string("../payloads")}) {
    EXPECT_EQ(store_->Get(name).status().code(), absl::StatusCode::kNotFound) << name;
    EXPECT_EQ(store_->Load(name).status().code(), absl::StatusCode::kNotFound) << name;
    EXPECT_EQ(store_->Delete(name, true).code(), absl::StatusCode::kNotFound) << name;
    EXPECT_EQ(store_->DeleteAlias(name).code(), absl::StatusCode::kNotFound) << name;
    EXPECT_EQ(store_->SetAlias("name", name, std::nullopt).status().code(),
              absl::StatusCode::kNotFound)
        << name;
  }
  // Load and Delete take ids only: an alias may have moved since the caller looked.
  const std::string id = Put(2);
  ASSERT_TRUE(store_->SetAlias("alias", id, std::nullopt).ok());
  EXPECT_EQ(store_->Load("alias").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->Delete("alias", true).code(), absl::StatusCode::kNotFound);
}

TEST_F(SqliteStoreTest, AnnotationsHaveLimits) {
  std::map<std::string, std::string> full;
  for (size_t i = 0; i < kMaxLabels; ++i) full["key" + std::to_string(i)] = std::string(256, 'v');
  full.erase("key0");
  full[std::string(kMaxLabelKeyBytes, 'k')] = "";
  const std::string description(kMaxDescriptionBytes, 'd');
  const absl::StatusOr<SignalStore::PutResult> put =
      store_->Put(VectorSignal(1), full, description);
  ASSERT_TRUE(put.ok()) << put.status();

  std::map<std::string, std::string> too_many = full;
  too_many["one more"] = "";
  struct Case {
    std::map<std::string, std::string> labels;
    std::string description;
    const char* field;
  };
  const Case cases[] = {
      {too_many, "", "labels"},
      {{{"", "v"}}, "", "key of labels['']"},
      {{{std::string(65, 'k'), "v"}}, "", "key of labels"},
      {{{"k\xff", "v"}}, "", "key of labels['k\\xff']"},
      {{{"k", std::string(257, 'v')}}, "", "labels['k']"},
      {{{"k", "\xc3"}}, "", "labels['k']"},
      {{}, std::string(4097, 'd'), "description"},
      {{}, "\xed\xa0\x80", "description"},
  };
  for (const Case& bad : cases) {
    const absl::Status status = store_->Put(VectorSignal(2), bad.labels, bad.description).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.field;
    ASSERT_TRUE(DetailOf(status).has_value());
    EXPECT_THAT(DetailOf(status)->field, HasSubstr(bad.field));
  }
  EXPECT_EQ(store_->Get(SignalId(VectorSignal(2))).status().code(), absl::StatusCode::kNotFound);
}

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

TEST_F(SqliteStoreTest, DeletingNeedsConsentWhileAliasesPointThere) {
  const std::string id = Put(1);
  ASSERT_TRUE(store_->SetAlias("a", id, std::nullopt).ok());
  const absl::Status refused = store_->Delete(id, false);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("aliases a"));
  EXPECT_TRUE(store_->Load(id).ok());
  ASSERT_TRUE(store_->Delete(id, true).ok());
  EXPECT_EQ(store_->Get(id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(folder_.Names("payloads"), IsEmpty());
  const std::string other = Put(2);
  EXPECT_TRUE(store_->Delete(other, false).ok());
  EXPECT_THAT(store_->List(10, "")->items, IsEmpty());
}

TEST_F(SqliteStoreTest, PagesAreNewestFirstAndStableWhileSignalsComeAndGo) {
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) ids.push_back(Put(i));
  std::vector<std::string> seen;
  std::string token;
  int pages = 0;
  do {
    const absl::StatusOr<Page<SignalRecord>> page = store_->List(3, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const SignalRecord& record : page->items) seen.push_back(record.id);
    token = page->next_page_token;
    if (pages == 0) {
      Put(100);                                         // newer than the first page
      ASSERT_TRUE(store_->Delete(ids[4], false).ok());  // the last item of the first page
      ASSERT_TRUE(store_->Delete(ids[2], false).ok());  // not seen yet
    }
    ++pages;
  } while (!token.empty());
  EXPECT_THAT(seen, ElementsAre(ids[6], ids[5], ids[4], ids[3], ids[1], ids[0]));
  EXPECT_EQ(pages, 2);  // the last page is full, and still known to be the last
}

TEST_F(SqliteStoreTest, AliasPagesAreByName) {
  const std::string id = Put(1);
  for (const char* name : {"b", "c", "a", "B", "a/b"}) {
    ASSERT_TRUE(store_->SetAlias(name, id, std::nullopt).ok());
  }
  const absl::StatusOr<Page<AliasRecord>> first = store_->ListAliases(2, "");
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->items.size(), 2U);
  EXPECT_EQ(first->items[0].name, "B");
  EXPECT_EQ(first->items[1].name, "a");
  EXPECT_EQ(first->items[1].signal_id, id);
  EXPECT_EQ(first->items[1].version, 1);
  ASSERT_TRUE(store_->SetAlias("A", id, std::nullopt).ok());
  const absl::StatusOr<Page<AliasRecord>> second = store_->ListAliases(3, first->next_page_token);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_EQ(second->items.size(), 3U);
  EXPECT_EQ(second->items[0].name, "a/b");
  EXPECT_EQ(second->items[2].name, "c");
  EXPECT_EQ(second->next_page_token, "");
}

TEST_F(SqliteStoreTest, OnlyItsOwnPageTokensAreTaken) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(store_->SetAlias("alias" + std::to_string(i), Put(i), std::nullopt).ok());
  }
  const std::string token = store_->List(1, "")->next_page_token;
  ASSERT_TRUE(store_->List(1, token).ok());
  const std::string alias_token = store_->ListAliases(1, "")->next_page_token;
  std::vector<std::string> bad = {"1",
                                  "x",
                                  token + "0",
                                  token.substr(1),
                                  alias_token,
                                  std::string(32, '0'),
                                  std::string(33, '0'),
                                  std::string(32, '0') + ".1",
                                  std::string(100000, 'x')};
  for (size_t at = 0; at < token.size(); ++at) {
    bad.push_back(token);
    bad.back()[at] = static_cast<char>(bad.back()[at] ^ 1);
  }
  for (const std::string& text : bad) {
    const absl::Status status = store_->List(1, text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(DetailOf(status)->field, "page_token");
  }
  EXPECT_FALSE(store_->ListAliases(1, token).ok());
  // Another store's token is well made, but not ours.
  const TemporaryFolder other_folder;
  const absl::StatusOr<std::unique_ptr<SignalStore>> other = OpenSqliteStore(other_folder.path());
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_FALSE((*other)->List(1, token).ok());
  Reopen();
  EXPECT_TRUE(store_->List(1, token).ok());
}

TEST_F(SqliteStoreTest, PageSizesHaveBounds) {
  for (const int size : {-1, 0, 1001}) {
    EXPECT_EQ(DetailOf(store_->List(size, "").status())->field, "page_size");
    EXPECT_EQ(DetailOf(store_->ListAliases(size, "").status())->field, "page_size");
  }
  EXPECT_TRUE(store_->List(1000, "").ok());
  EXPECT_TRUE(store_->ListAliases(1, "").ok());
}

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

TEST_F(SqliteStoreTest, RacingPutsAndDeletesLeaveNoRowWithoutItsPayload) {
  const SignalData signal = VectorSignal(1);
  const std::string id = SignalId(signal);
  std::vector<std::thread> threads;
  std::atomic<int> unexpected = 0;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        const absl::Status status =
            t % 2 == 0 ? store_->Put(signal, {}, "").status() : store_->Delete(id, false);
        if (!status.ok() && !absl::IsNotFound(status)) ++unexpected;
        const absl::Status loaded = store_->Load(id).status();
        if (!loaded.ok() && !absl::IsNotFound(loaded)) ++unexpected;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(unexpected, 0);
  EXPECT_EQ(folder_.Names("payloads").size(), store_->Get(id).ok() ? 1U : 0U);
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

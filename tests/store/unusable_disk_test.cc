// Full disks, read-only folders, folders that are in use.

#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <functional>

#include "core/store/signal_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/test_curves.h"
#include "tests/store/test_signals.h"

namespace steer {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// While it lives no file of this process may grow beyond `bytes`: writes fail as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_ = {};
};

// What `body` returns in a child process, which gives up the rights of root first if it has them.
std::string InUnprivilegedChild(const std::function<std::string()>& body) {
  std::array<int, 2> ends = {};
  if (pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    constexpr id_t kNobody = 65534;
    std::string text = "cannot become nobody";
    if (geteuid() != 0 ||
        (setgroups(0, nullptr) == 0 && setgid(kNobody) == 0 && setuid(kNobody) == 0)) {
      text = body();
    }
    const bool written =
        write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 1024> buffer = {};
  for (ssize_t got = 0; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return text;
}

std::unique_ptr<SignalStore> MustOpen(const std::string& path) {
  absl::StatusOr<std::unique_ptr<SignalStore>> store = OpenSqliteStore(path);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

TEST(UnusableDiskTest, APayloadThatDoesNotFitIsResourceExhaustedAndLeavesNothing) {
  const TemporaryFolder folder;
  const std::unique_ptr<SignalStore> store = MustOpen(folder.path());
  ASSERT_NE(store, nullptr);
  const SignalData big = VectorSignal(1, /*width=*/100000);
  {
    const FileSizeLimit limit(200000);
    const absl::Status status = store->Put(big, {}, "").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("/payloads/"));
    EXPECT_THAT(folder.Names("payloads"), IsEmpty());
    EXPECT_EQ(store->Get(SignalId(big)).status().code(), absl::StatusCode::kNotFound);
    // What fits still goes in.
    EXPECT_TRUE(store->Put(VectorSignal(2), {}, "").ok());
  }
  const absl::StatusOr<SignalStore::PutResult> put = store->Put(big, {}, "");
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_FALSE(put->existed);
  EXPECT_TRUE(store->Load(put->record.id).ok());
}

TEST(UnusableDiskTest, ARowThatDoesNotFitIsResourceExhaustedAndLeavesNothing) {
  const TemporaryFolder folder;
  std::unique_ptr<SignalStore> store = MustOpen(folder.path());
  ASSERT_NE(store, nullptr);
  const std::string kept = store->Put(VectorSignal(1), {}, "")->record.id;
  ASSERT_TRUE(store->SetAlias("a", kept, 0).ok());
  {
    // Enough for the small payload; the database's log is longer already.
    const FileSizeLimit limit(4096);
    const absl::Status put = store->Put(VectorSignal(2), {}, "").status();
    EXPECT_EQ(put.code(), absl::StatusCode::kResourceExhausted) << put;
    EXPECT_EQ(folder.Names("payloads").size(), 1U);
    const absl::Status alias = store->SetAlias("a", kept, 1).status();
    EXPECT_EQ(alias.code(), absl::StatusCode::kResourceExhausted) << alias;
    const absl::Status deleted = store->Delete(kept, true);
    EXPECT_EQ(deleted.code(), absl::StatusCode::kResourceExhausted) << deleted;
    // Reading goes on.
    EXPECT_TRUE(store->Load(kept).ok());
    EXPECT_EQ(store->Get(SignalId(VectorSignal(2))).status().code(), absl::StatusCode::kNotFound);
  }
  EXPECT_EQ(store->SetAlias("a", kept, 1)->version, 2);
  EXPECT_TRUE(store->Put(VectorSignal(2), {}, "").ok());
  store.reset();
  store = MustOpen(folder.path());
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->List(10, "")->items.size(), 2U);
}

TEST(UnusableDiskTest, ACurveThatDoesNotFitIsResourceExhaustedAndLeavesNothing) {
  const TemporaryFolder folder;
  std::unique_ptr<SignalStore> store = MustOpen(folder.path());
  ASSERT_NE(store, nullptr);
  const std::string signal = store->Put(VectorSignal(1), {}, "")->record.id;
  const absl::StatusOr<CurveRecord> small = store->PutCurve(TestCurve(signal));
  ASSERT_TRUE(small.ok()) << small.status();
  CurveRecord big = TestCurve(signal, 2);
  big.pairs = 100000;  // ten megabytes: more than SQLite keeps in memory until the commit
  big.losses.assign(300000, {1, 2, 3, 4});
  {
    const FileSizeLimit limit(5000000);
    const absl::Status status = store->PutCurve(big).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_EQ(store->GetCurve(CurveId(big)).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(*store->GetCurve(small->id), *small);
    EXPECT_TRUE(store->PutCurve(TestCurve(signal, 3)).ok());
  }
  ASSERT_TRUE(store->PutCurve(big).ok());
  store.reset();
  store = MustOpen(folder.path());
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(store->GetCurve(CurveId(big)).ok());
  EXPECT_EQ(store->ListCurves(signal, 10, "")->items.size(), 3U);
}

TEST(UnusableDiskTest, ADirectoryThatCannotBeWrittenIsAClearErrorAtOpen) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/state";
  ASSERT_NE(MustOpen(path), nullptr);
  for (const char* name : {"", "/state", "/state/payloads"}) {
    std::filesystem::permissions(folder.path() + name, std::filesystem::perms(0555));
  }
  for (const std::string& directory : {path, folder.path() + "/new"}) {
    const std::string said =
        InUnprivilegedChild([&] { return OpenSqliteStore(directory).status().ToString(); });
    EXPECT_THAT(said, HasSubstr("FAILED_PRECONDITION: state_directory: got '" + directory));
    EXPECT_THAT(said, HasSubstr("Permission denied"));
  }
  // The lock can be had, the database cannot be written.
  std::filesystem::permissions(path, std::filesystem::perms(0777));
  std::filesystem::permissions(path + "/lock", std::filesystem::perms(0666));
  std::filesystem::permissions(path + "/signals.db", std::filesystem::perms(0444));
  const std::string said =
      InUnprivilegedChild([&] { return OpenSqliteStore(path).status().ToString(); });
  EXPECT_THAT(said, HasSubstr("FAILED_PRECONDITION: state_directory"));
  EXPECT_THAT(said, HasSubstr("signals.db"));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(path + "/payloads", std::filesystem::perms(0755));
}

TEST(UnusableDiskTest, ASecondOpenerIsRefusedInThisProcessAndInAnother) {
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0777));
  std::unique_ptr<SignalStore> store = MustOpen(folder.path());
  ASSERT_NE(store, nullptr);
  std::filesystem::permissions(folder.path() + "/lock", std::filesystem::perms(0666));
  const absl::Status here = OpenSqliteStore(folder.path()).status();
  EXPECT_EQ(here.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(here.message()), HasSubstr("another store has open"));
  EXPECT_THAT(std::string(here.message()), HasSubstr(folder.path()));
  const std::string there =
      InUnprivilegedChild([&] { return OpenSqliteStore(folder.path()).status().ToString(); });
  EXPECT_THAT(there, HasSubstr("FAILED_PRECONDITION"));
  EXPECT_THAT(there, HasSubstr("another store has open"));
  // The first is not harmed, and when it goes the directory is free.
  EXPECT_TRUE(store->Put(VectorSignal(1), {}, "").ok());
  store.reset();
  EXPECT_NE(MustOpen(folder.path()), nullptr);
}

}  // namespace
}  // namespace steer

// What "acknowledged means durable" means: the order of the system calls before an answer, and what
// is left when the process dies, or the disk refuses, at any of them.

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/store/signal_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/test_curves.h"
#include "tests/store/test_signals.h"
#include "tests/store/traced_run.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

const std::vector<std::string> kCalls = {"open",  "put-1",   "alias-1", "curve-1",
                                         "put-2", "curve-2", "alias-2", "delete-1"};

// What may be found after a reopening: every value in the set is allowed.
struct Allowed {
  std::set<bool> first = {false};   // signal 1 is there
  std::set<bool> second = {false};  // signal 2 is there
  std::set<int> alias = {0};        // the signal that the alias names; 0 = none
  std::set<bool> first_curve = {false};
  std::set<bool> second_curve = {false};
};

template <typename T>
void Allow(std::set<T>& allowed, T value, bool certain) {
  if (certain) allowed.clear();
  allowed.insert(value);
}

// The effect of a call that answered OK is certain; that of one that failed because the disk is
// full, or because of what it was asked, is certainly none; any other may or may not be there.
Allowed AfterCalls(const std::vector<std::string>& lines) {
  Allowed allowed;
  for (size_t i = 0; i < kCalls.size() && i <= lines.size(); ++i) {
    const std::string line = i < lines.size() ? lines[i] : "";  // killed in this call
    const bool ok = absl::EndsWith(line, " OK");
    const bool no_effect = absl::StrContains(line, " RESOURCE_EXHAUSTED") ||
                           absl::StrContains(line, " NOT_FOUND") ||
                           absl::StrContains(line, " FAILED_PRECONDITION");
    if (no_effect) continue;
    if (kCalls[i] == "put-1") Allow(allowed.first, true, ok);
    if (kCalls[i] == "put-2") Allow(allowed.second, true, ok);
    if (kCalls[i] == "alias-1") Allow(allowed.alias, 1, ok);
    if (kCalls[i] == "alias-2") Allow(allowed.alias, 2, ok);
    if (kCalls[i] == "curve-1") Allow(allowed.first_curve, true, ok);
    if (kCalls[i] == "curve-2") Allow(allowed.second_curve, true, ok);
    if (kCalls[i] == "delete-1") {
      Allow(allowed.first, false, ok);
      Allow(allowed.first_curve, false, ok);
    }
  }
  return allowed;
}

// Reopens and compares. Every signal that is there must load, and no other file may be left.
void ExpectSound(const TemporaryFolder& folder, const std::vector<std::string>& lines) {
  const absl::StatusOr<std::unique_ptr<SignalStore>> opened = OpenSqliteStore(folder.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  SignalStore& store = **opened;
  const Allowed allowed = AfterCalls(lines);
  const std::string first = SignalId(VectorSignal(1));
  const std::string second = SignalId(VectorSignal(2));
  EXPECT_TRUE(allowed.first.contains(store.Get(first).ok()));
  EXPECT_TRUE(allowed.second.contains(store.Get(second).ok()));
  const absl::StatusOr<SignalRecord> target = store.Get("a");
  const int alias = !target.ok() ? 0 : target->id == first ? 1 : 2;
  EXPECT_TRUE(allowed.alias.contains(alias)) << alias;

  const absl::Status first_curve = store.GetCurve(CurveId(TestCurve(first))).status();
  const absl::Status second_curve = store.GetCurve(CurveId(TestCurve(second))).status();
  EXPECT_TRUE(allowed.first_curve.contains(first_curve.ok())) << first_curve;
  EXPECT_TRUE(allowed.second_curve.contains(second_curve.ok())) << second_curve;
  // A signal goes together with its curve: if that was certain, neither is there without the other.
  if (!store.Get(first).ok()) {
    EXPECT_TRUE(absl::IsNotFound(first_curve)) << first_curve;
  } else if (lines.size() > 3 && absl::EndsWith(lines[3], " OK")) {
    EXPECT_TRUE(first_curve.ok()) << first_curve;
  }

  const absl::StatusOr<Page<SignalRecord>> page = store.List(10, "");
  ASSERT_TRUE(page.ok()) << page.status();
  std::vector<std::string> files;
  for (const SignalRecord& record : page->items) {
    EXPECT_TRUE(store.Load(record.id).ok()) << store.Load(record.id).status();
    files.push_back(record.id + ".safetensors");
  }
  EXPECT_THAT(folder.Names("payloads"), ::testing::UnorderedElementsAreArray(files));
}

// The last index of a call on a path; -1 if there is none.
int LastCall(const std::vector<std::string>& calls, const std::vector<std::string>& names,
             const std::string& path_end) {
  int last = -1;
  for (size_t i = 0; i < calls.size(); ++i) {
    for (const std::string& name : names) {
      if (absl::StrContains(calls[i], " " + name + "(") && absl::StrContains(calls[i], path_end)) {
        last = static_cast<int>(i);
      }
    }
  }
  return last;
}

// The calls before each acknowledgement, after the one before.
std::map<std::string, std::vector<std::string>> BySteps(const std::vector<std::string>& calls) {
  std::map<std::string, std::vector<std::string>> steps;
  std::vector<std::string> current;
  for (const std::string& call : calls) {
    if (!absl::StrContains(call, " writev(1<")) {
      current.push_back(call);
      continue;
    }
    for (const std::string& name : kCalls) {
      if (absl::StrContains(call, "\"" + name + " OK")) steps[name] = std::move(current);
    }
    current.clear();
  }
  return steps;
}

TEST(DurabilityTest, EverythingIsOnTheDiskBeforeTheAnswer) {
  const TemporaryFolder folder;
  const TemporaryFolder logs;
  const TracedRun run = RunTraced(folder.path(), logs.path(),
                                  {"-e",
                                   "trace=fsync,fdatasync,?rename,?renameat,?renameat2,write,"
                                   "pwrite64,writev,?unlink,?unlinkat"});
  ASSERT_EQ(run.strace_error, "") << "this test needs permission to trace its child (ptrace)";
  ASSERT_THAT(run.acknowledged, ElementsAre("open OK", "put-1 OK", "alias-1 OK", "curve-1 OK",
                                            "put-2 OK", "curve-2 OK", "alias-2 OK", "delete-1 OK"));
  std::map<std::string, std::vector<std::string>> steps = BySteps(run.calls);
  const std::vector<std::string> sync = {"fsync", "fdatasync"};
  for (const int seed : {1, 2}) {
    const std::vector<std::string>& put = steps[absl::StrCat("put-", seed)];
    SCOPED_TRACE(::testing::PrintToString(put));
    const std::string id = SignalId(VectorSignal(seed));
    const int written = LastCall(put, {"write"}, "/payloads/" + id);
    const int synced = LastCall(put, sync, "/payloads/" + id);
    const int renamed = LastCall(put, {"rename", "renameat", "renameat2"}, id + ".safetensors\"");
    const int folder_synced = LastCall(put, sync, "/payloads>");
    const int row_written = LastCall(put, {"pwrite64"}, "/signals.db-wal>");
    const int row_synced = LastCall(put, sync, "/signals.db-wal>");
    EXPECT_GE(written, 0);
    EXPECT_LT(written, synced);
    EXPECT_LT(synced, renamed);
    EXPECT_LT(renamed, folder_synced);
    EXPECT_LT(folder_synced, row_written);
    EXPECT_LT(row_written, row_synced);
    // No row before its payload is safe.
    const std::vector<std::string> before(put.begin(), put.begin() + folder_synced);
    EXPECT_EQ(LastCall(before, {"pwrite64"}, "/signals.db-wal>"), -1);
  }
  for (const char* name : {"alias-1", "curve-1", "curve-2", "alias-2", "delete-1"}) {
    const std::vector<std::string>& calls = steps[name];
    SCOPED_TRACE(::testing::PrintToString(calls));
    const int written = LastCall(calls, {"pwrite64"}, "/signals.db-wal>");
    EXPECT_GE(written, 0);
    EXPECT_LT(written, LastCall(calls, sync, "/signals.db-wal>"));
  }
  const std::vector<std::string>& removal = steps["delete-1"];
  EXPECT_LT(LastCall(removal, sync, "/signals.db-wal>"),
            LastCall(removal, {"unlink", "unlinkat"}, ".safetensors\""));
}

// Kills at the first, second, … of the given system call, until a run needs fewer.
int KillAtEvery(const std::string& call, int stride) {
  int runs = 0;
  for (int when = 1;; when += stride, ++runs) {
    SCOPED_TRACE(absl::StrCat("killed at ", call, " number ", when));
    const TemporaryFolder folder(MemoryFolder());
    const TemporaryFolder logs;
    const TracedRun run = RunTraced(folder.path(), logs.path(),
                                    {"-e", "trace=" + call, "-e",
                                     absl::StrCat("inject=", call, ":signal=SIGKILL:when=", when)});
    EXPECT_EQ(run.strace_error, "") << "this test needs permission to trace its child (ptrace)";
    ExpectSound(folder, run.acknowledged);
    if (!run.strace_error.empty() || ::testing::Test::HasFailure()) return runs;
    const bool killed = !run.calls.empty() && absl::StrContains(run.calls.back(), "SIGKILL");
    if (!killed) {
      EXPECT_EQ(run.acknowledged.size(), kCalls.size());
      return runs;
    }
  }
}

TEST(DurabilityTest, AKillAtAnySystemCallLeavesASoundStore) {
  ASSERT_GE(KillAtEvery("write", 1), 2);
  ASSERT_GE(KillAtEvery("fsync", 1), 6);
  ASSERT_GE(KillAtEvery("fdatasync", 1), 6);
  ASSERT_GE(KillAtEvery("?rename,?renameat,?renameat2", 1), 2);
  ASSERT_GE(KillAtEvery("?unlink,?unlinkat", 1), 1);
  ASSERT_GE(KillAtEvery("pwrite64", 3), 14);
}

// Fails the given system call from its `when`-th use on, until a run is not touched by it.
int FailFromEvery(const std::string& call, const std::string& error, const std::string& further,
                  int stride) {
  int runs = 0;
  for (int when = 1;; when += stride, ++runs) {
    SCOPED_TRACE(absl::StrCat(call, " fails with ", error, " from number ", when, further));
    const TemporaryFolder folder(MemoryFolder());
    const TemporaryFolder logs;
    const TracedRun run =
        RunTraced(folder.path(), logs.path(),
                  {"-e", "trace=" + call, "-e",
                   absl::StrCat("inject=", call, ":error=", error, ":when=", when, further)});
    EXPECT_EQ(run.strace_error, "") << "this test needs permission to trace its child (ptrace)";
    ExpectSound(folder, run.acknowledged);
    bool failed = false;
    for (const std::string& line : run.calls) failed |= absl::StrContains(line, "(INJECTED)");
    if (!failed || ::testing::Test::HasFailure()) return runs;
  }
}

TEST(DurabilityTest, ADiskThatRefusesAtAnySystemCallLeavesASoundStore) {
  // "" is once, "+" from then on.
  ASSERT_GE(FailFromEvery("write", "ENOSPC", "", 1), 2);
  ASSERT_GE(FailFromEvery("write", "EIO", "+", 1), 2);
  ASSERT_GE(FailFromEvery("fsync", "EIO", "", 1), 6);
  ASSERT_GE(FailFromEvery("fsync", "ENOSPC", "+", 3), 2);
  ASSERT_GE(FailFromEvery("fdatasync", "EIO", "", 1), 6);
  ASSERT_GE(FailFromEvery("fdatasync", "EIO", "+", 3), 2);
  ASSERT_GE(FailFromEvery("?rename,?renameat,?renameat2", "EIO", "", 1), 2);
  ASSERT_GE(FailFromEvery("pwrite64", "ENOSPC", "+", 4), 10);
  ASSERT_GE(FailFromEvery("pwrite64", "EIO", "", 4), 10);
}

TEST(DurabilityTest, WhatWasAcknowledgedSurvivesKillMinus9) {
  const TemporaryFolder folder;
  std::map<std::string, std::string> aliases;
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    const SignalData signal = VectorSignal(round);
    const std::string name = absl::StrCat("alias-", round % 3);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const absl::StatusOr<std::unique_ptr<SignalStore>> store = OpenSqliteStore(folder.path());
      if (!store.ok() || !(*store)->Put(signal, {{"round", absl::StrCat(round)}}, "").ok() ||
          !(*store)->SetAlias(name, SignalId(signal), std::nullopt).ok() ||
          !(*store)->PutCurve(TestCurve(SignalId(signal), round)).ok()) {
        _exit(1);
      }
      kill(getpid(), SIGKILL);
      _exit(2);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    aliases[name] = SignalId(signal);

    const absl::StatusOr<std::unique_ptr<SignalStore>> store = OpenSqliteStore(folder.path());
    ASSERT_TRUE(store.ok()) << store.status();
    const absl::StatusOr<SignalData> loaded = (*store)->Load(SignalId(signal));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const CurveRecord curve = TestCurve(SignalId(signal), round);
    const absl::StatusOr<CurveRecord> kept = (*store)->GetCurve(CurveId(curve));
    ASSERT_TRUE(kept.ok()) << kept.status();
    EXPECT_EQ(kept->losses, curve.losses);
    EXPECT_EQ((*store)->Get(SignalId(signal))->labels.at("round"), absl::StrCat(round));
    for (const auto& [alias, id] : aliases) EXPECT_EQ((*store)->Get(alias)->id, id);
    const absl::StatusOr<Page<SignalRecord>> all = (*store)->List(100, "");
    EXPECT_EQ(all->items.size(), static_cast<size_t>(round) + 1);
    const absl::StatusOr<Page<CurveRecord>> curves = (*store)->ListCurves("", 100, "");
    EXPECT_EQ(curves->items.size(), static_cast<size_t>(round) + 1);
  }
}

}  // namespace
}  // namespace steer

// The probe sets of SqliteStore and what was measured with them.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/store/limits.h"
#include "core/store/probe_table.h"
#include "core/store/signal_table.h"
#include "core/store/sqlite_store.h"

namespace steer {
namespace {

absl::Status NoProbe(absl::string_view signal) { return NotFound("signal", "probe set", signal); }

}  // namespace

absl::StatusOr<ProbeSet> SqliteStore::PutProbeSet(ProbeSet set) {
  set.created_unix_ms = UnixMillis();
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_RETURN_IF_ERROR(WriteProbeSet(*connection_, set));
  STEER_RETURN_IF_ERROR(transaction->Commit());
  return set;
}

absl::StatusOr<std::vector<ProbeSet>> SqliteStore::ListProbeSets() {
  const MutexLock lock(mutex_);
  return AllProbeSets(*connection_);
}

absl::Status SqliteStore::DeleteProbeSet(absl::string_view signal) {
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const bool existed, RemoveProbeSet(*connection_, signal));
  if (!existed) return NoProbe(signal);
  return transaction->Commit();
}

absl::StatusOr<ProbeRun> SqliteStore::AddProbeRun(ProbeRun run) {
  run.measured_unix_ms = UnixMillis();
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const std::optional<ProbeSet> set, FindProbeSet(*connection_, run.signal));
  if (!set) return NoProbe(run.signal);
  STEER_ASSIGN_OR_RETURN(const std::optional<SignalRecord> signal,
                         FindSignal(*connection_, run.signal_id));
  if (!signal) return NotFound("signal_id", "signal", run.signal_id);
  STEER_RETURN_IF_ERROR(steer::AddProbeRun(*connection_, run));
  STEER_RETURN_IF_ERROR(transaction->Commit());
  return run;
}

absl::StatusOr<std::optional<ProbeRun>> SqliteStore::FirstProbeRun(absl::string_view signal) {
  const MutexLock lock(mutex_);
  return steer::FirstProbeRun(*connection_, signal);
}

absl::StatusOr<Page<ProbeRun>> SqliteStore::ListProbeRuns(absl::string_view signal, int page_size,
                                                          absl::string_view page_token) {
  STEER_RETURN_IF_ERROR(CheckPageSize(page_size));
  const std::string list = absl::StrCat("probe_runs/", signal);
  STEER_ASSIGN_OR_RETURN(const int64_t before, page_tokens_.ReadNumber(list, page_token));
  std::vector<NumberedProbeRun> rows;
  {
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(const std::optional<ProbeSet> set, FindProbeSet(*connection_, signal));
    if (!set) return NoProbe(signal);
    STEER_ASSIGN_OR_RETURN(rows,
                           ProbeRunsBefore(*connection_, signal, before, int64_t{page_size} + 1));
  }
  Page<ProbeRun> page;
  if (rows.size() > static_cast<size_t>(page_size)) {
    rows.pop_back();
    page.next_page_token = page_tokens_.Make(list, absl::StrCat(rows.back().seq));
  }
  for (NumberedProbeRun& row : rows) page.items.push_back(std::move(row.run));
  return page;
}

}  // namespace steer

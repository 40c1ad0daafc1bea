// The dose curves of SqliteStore.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/store/curve_table.h"
#include "core/store/limits.h"
#include "core/store/signal_table.h"
#include "core/store/sqlite_store.h"

namespace steer {
namespace {

absl::Status NoCurve(absl::string_view id) { return NotFound("curve_id", "curve", id); }

}  // namespace

absl::StatusOr<CurveRecord> SqliteStore::PutCurve(CurveRecord curve) {
  STEER_RETURN_IF_ERROR(ValidateCurve(curve));
  curve.id = CurveId(curve);
  curve.created_unix_ms = UnixMillis();
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  std::vector<std::string> signals = {curve.signal_id};
  if (curve.second) signals.push_back(curve.second->signal_id);
  for (const std::string& id : signals) {
    STEER_ASSIGN_OR_RETURN(const std::optional<SignalRecord> signal, FindSignal(*connection_, id));
    if (!signal) return NotFound("signal", "signal", id);
  }
  // Also if it is there already: that costs a write and repairs whatever has been damaged.
  STEER_ASSIGN_OR_RETURN(curve.created_unix_ms, WriteCurve(*connection_, curve));
  STEER_RETURN_IF_ERROR(transaction->Commit());
  return curve;
}

absl::StatusOr<CurveRecord> SqliteStore::GetCurve(absl::string_view id) {
  std::optional<CurveRecord> curve;
  {
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(curve, FindCurve(*connection_, id));
  }
  if (!curve) return NoCurve(id);
  if (const std::string now = CurveId(*curve); now != id) {
    return CurveDamaged(id, absl::StrCat("content has the id ", now));
  }
  return *std::move(curve);
}

absl::StatusOr<Page<CurveRecord>> SqliteStore::ListCurves(absl::string_view signal_id,
                                                          int page_size,
                                                          absl::string_view page_token) {
  STEER_RETURN_IF_ERROR(CheckPageSize(page_size));
  const std::string list = absl::StrCat("curves/", signal_id);
  STEER_ASSIGN_OR_RETURN(const int64_t before, page_tokens_.ReadNumber(list, page_token));
  std::vector<NumberedCurve> rows;
  {
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(rows,
                           CurvesBefore(*connection_, signal_id, before, int64_t{page_size} + 1));
  }
  Page<CurveRecord> page;
  if (rows.size() > static_cast<size_t>(page_size)) {
    rows.pop_back();
    page.next_page_token = page_tokens_.Make(list, absl::StrCat(rows.back().seq));
  }
  for (NumberedCurve& row : rows) page.items.push_back(std::move(row.record));
  return page;
}

absl::Status SqliteStore::DeleteCurve(absl::string_view id) {
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const bool existed, RemoveCurve(*connection_, id));
  if (!existed) return NoCurve(id);
  return transaction->Commit();
}

}  // namespace steer

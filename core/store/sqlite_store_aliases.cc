// The aliases of SqliteStore.

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/store/limits.h"
#include "core/store/signal_table.h"
#include "core/store/sqlite_store.h"

namespace steer {
namespace {

constexpr char kAliasList[] = "aliases";

}  // namespace

absl::StatusOr<AliasRecord> SqliteStore::SetAlias(absl::string_view name,
                                                  absl::string_view signal_id,
                                                  std::optional<int64_t> expected_version) {
  STEER_RETURN_IF_ERROR(CheckAliasName(name));
  if (expected_version && *expected_version < 0) {
    return InvalidField("expected_version", absl::StrCat(*expected_version), "0 or more");
  }
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const std::optional<SignalRecord> target,
                         FindSignal(*connection_, signal_id));
  if (!target) return NotFound("signal", "signal", signal_id);
  STEER_ASSIGN_OR_RETURN(const std::optional<AliasRecord> last, FindAlias(*connection_, name));
  const int64_t current = last && !last->signal_id.empty() ? last->version : 0;
  if (expected_version && *expected_version != current) {
    return FieldError(absl::StatusCode::kAborted,
                      {"ALIAS_MOVED", "expected_version", absl::StrCat(*expected_version),
                       absl::StrCat(current, ", the version of '", name, "' now")});
  }
  AliasRecord alias{std::string(name), target->id, last ? last->version + 1 : 1, UnixMillis()};
  STEER_RETURN_IF_ERROR(WriteAlias(*connection_, alias));
  STEER_RETURN_IF_ERROR(transaction->Commit());
  return alias;
}

absl::Status SqliteStore::DeleteAlias(absl::string_view name) {
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(std::optional<AliasRecord> alias, FindAlias(*connection_, name));
  if (!alias || alias->signal_id.empty()) return NotFound("name", "alias", name);
  alias->signal_id.clear();
  alias->updated_unix_ms = UnixMillis();
  STEER_RETURN_IF_ERROR(WriteAlias(*connection_, *alias));
  return transaction->Commit();
}

absl::StatusOr<Page<AliasRecord>> SqliteStore::ListAliases(int page_size,
                                                           absl::string_view page_token) {
  STEER_RETURN_IF_ERROR(CheckPageSize(page_size));
  STEER_ASSIGN_OR_RETURN(const std::string after, page_tokens_.Read(kAliasList, page_token));
  Page<AliasRecord> page;
  {
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(page.items, AliasesAfter(*connection_, after, int64_t{page_size} + 1));
  }
  if (page.items.size() > static_cast<size_t>(page_size)) {
    page.items.pop_back();
    page.next_page_token = page_tokens_.Make(kAliasList, page.items.back().name);
  }
  return page;
}

}  // namespace steer

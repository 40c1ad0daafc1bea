#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/store/signal_store.h"
#include "core/store/sqlite_connection.h"

namespace steer {

// The rows of schema.cc's two tables. Callers hold the connection's mutex; what changes rows runs
// in the caller's transaction.

absl::StatusOr<std::optional<SignalRecord>> FindSignal(SqliteConnection& connection,
                                                       absl::string_view id);
absl::Status InsertSignal(SqliteConnection& connection, const SignalRecord& record);
absl::Status WriteProvenance(SqliteConnection& connection, absl::string_view id,
                             absl::string_view provenance);
// Its aliases become deleted ones.
absl::Status RemoveSignal(SqliteConnection& connection, absl::string_view id);

struct NumberedSignal {
  int64_t seq = 0;  // of arrival
  SignalRecord record;
};
// At most `limit` that arrived before `seq`, newest first.
absl::StatusOr<std::vector<NumberedSignal>> SignalsBefore(SqliteConnection& connection, int64_t seq,
                                                          int64_t limit);

// A deleted alias is found too, with an empty signal_id and its last version.
absl::StatusOr<std::optional<AliasRecord>> FindAlias(SqliteConnection& connection,
                                                     absl::string_view name);
// Makes or overwrites it; an empty signal_id marks it deleted.
absl::Status WriteAlias(SqliteConnection& connection, const AliasRecord& alias);
// At most `limit` that exist and come after `name`, by name.
absl::StatusOr<std::vector<AliasRecord>> AliasesAfter(SqliteConnection& connection,
                                                      absl::string_view name, int64_t limit);

}  // namespace steer

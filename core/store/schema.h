#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/store/sqlite_connection.h"

namespace steer {

// The version of the tables in a database; 0 for a new one.
absl::StatusOr<int64_t> SchemaVersion(SqliteConnection& connection);

// Brings the tables up to date, each step in its own transaction. FAILED_PRECONDITION if a newer
// version of this program made them.
absl::Status Migrate(SqliteConnection& connection);

// The random secret made with the database.
absl::StatusOr<std::string> Secret(SqliteConnection& connection);

}  // namespace steer

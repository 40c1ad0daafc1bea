#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/store/kept_job.h"
#include "core/store/sqlite_connection.h"

namespace steer {

// The rows of schema.cc's table of jobs. Callers hold the connection's mutex; what changes rows
// runs in the caller's transaction.

// Its number.
absl::StatusOr<int64_t> InsertJob(SqliteConnection& connection, absl::string_view definition,
                                  absl::string_view record);
// Once finished it has neither definition nor checkpoint.
absl::Status WriteJob(SqliteConnection& connection, int64_t number, absl::string_view record,
                      bool finished);
// Those that finished, but for the last kKeptFinishedJobs.
absl::Status RemoveOldJobs(SqliteConnection& connection);
absl::StatusOr<std::vector<KeptJob>> AllJobs(SqliteConnection& connection);  // oldest first

// The name of its checkpoint, empty if it has none; nullopt without the job.
absl::StatusOr<std::optional<std::string>> CheckpointOf(SqliteConnection& connection,
                                                        int64_t number);
absl::Status WriteCheckpoint(SqliteConnection& connection, int64_t number, absl::string_view name);
absl::StatusOr<bool> IsCheckpoint(SqliteConnection& connection, absl::string_view name);

}  // namespace steer

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/store/dataset_record.h"
#include "core/store/sqlite_connection.h"

namespace steer {

// The rows of schema.cc's table of data sets. Callers hold the connection's mutex; what changes
// rows runs in the caller's transaction.

absl::StatusOr<std::optional<DatasetRecord>> FindDataset(SqliteConnection& connection,
                                                         absl::string_view id_or_name);
// nullopt without the data set.
absl::StatusOr<std::optional<std::string>> ContentOf(SqliteConnection& connection,
                                                     absl::string_view id);
// In the place of one with the same id, whose content it replaces and nothing else.
absl::Status WriteDataset(SqliteConnection& connection, const DatasetRecord& record,
                          absl::string_view content);
// From whoever has the name now.
absl::Status MoveDatasetName(SqliteConnection& connection, absl::string_view name,
                             absl::string_view id);
// Whether there was one.
absl::StatusOr<bool> RemoveDataset(SqliteConnection& connection, absl::string_view id);
struct NumberedDataset {
  int64_t seq = 0;  // of arrival
  DatasetRecord record;
};
// At most `limit` that arrived before `seq`, newest first.
absl::StatusOr<std::vector<NumberedDataset>> DatasetsBefore(SqliteConnection& connection,
                                                            int64_t seq, int64_t limit);

}  // namespace steer

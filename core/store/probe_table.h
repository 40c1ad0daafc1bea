#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/store/probe_record.h"
#include "core/store/sqlite_connection.h"

namespace steer {

// The rows of schema.cc's tables of probe sets and their runs. Callers hold the connection's mutex;
// what changes rows runs in the caller's transaction.

// Another set of the same signal is replaced, and its runs are removed.
absl::Status WriteProbeSet(SqliteConnection& connection, const ProbeSet& set);
absl::StatusOr<std::optional<ProbeSet>> FindProbeSet(SqliteConnection& connection,
                                                     absl::string_view signal);
absl::StatusOr<std::vector<ProbeSet>> AllProbeSets(SqliteConnection& connection);  // by signal
// With its runs. Whether there was one.
absl::StatusOr<bool> RemoveProbeSet(SqliteConnection& connection, absl::string_view signal);
// The runs that measured this version, and the sets of this id.
absl::Status RemoveProbesOf(SqliteConnection& connection, absl::string_view signal_id);

absl::Status AddProbeRun(SqliteConnection& connection, const ProbeRun& run);
struct NumberedProbeRun {
  int64_t seq = 0;  // of arrival
  ProbeRun run;
};
// At most `limit` of a set that arrived before `seq`, newest first. DATA_LOSS for a damaged row.
absl::StatusOr<std::vector<NumberedProbeRun>> ProbeRunsBefore(SqliteConnection& connection,
                                                              absl::string_view signal, int64_t seq,
                                                              int64_t limit);
absl::StatusOr<std::optional<ProbeRun>> FirstProbeRun(SqliteConnection& connection,
                                                      absl::string_view signal);

}  // namespace steer

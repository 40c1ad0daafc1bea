#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/store/curve_record.h"
#include "core/store/sqlite_connection.h"

namespace steer {

// The rows of schema.cc's table of curves. Callers hold the connection's mutex; what changes rows
// runs in the caller's transaction.

// With its losses. DATA_LOSS if they cannot be read as such; whether they are those of the id is
// for the caller to see, outside the mutex.
absl::StatusOr<std::optional<CurveRecord>> FindCurve(SqliteConnection& connection,
                                                     absl::string_view id);
// Adds it or writes over the one with its id, whose place in the order and time stay: the time that
// it has now.
absl::StatusOr<int64_t> WriteCurve(SqliteConnection& connection, const CurveRecord& curve);
// Whether there was one.
absl::StatusOr<bool> RemoveCurve(SqliteConnection& connection, absl::string_view id);
// Those of two signals go with either.
absl::Status RemoveCurvesOf(SqliteConnection& connection, absl::string_view signal_id);

struct NumberedCurve {
  int64_t seq = 0;  // of arrival
  CurveRecord record;
};
// At most `limit` that arrived before `seq`, newest first, without losses; of all signals if
// `signal_id` is empty.
absl::StatusOr<std::vector<NumberedCurve>> CurvesBefore(SqliteConnection& connection,
                                                        absl::string_view signal_id, int64_t seq,
                                                        int64_t limit);

}  // namespace steer

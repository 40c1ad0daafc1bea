#include "core/store/job_table.h"

#include <span>
#include <utility>

#include "core/base/status_macros.h"

namespace steer {

absl::StatusOr<int64_t> InsertJob(SqliteConnection& connection, absl::string_view definition,
                                  absl::string_view record) {
  SqliteStatement insert =
      connection.Prepare("INSERT INTO jobs (record, definition) VALUES (?1, ?2) RETURNING number");
  insert.Bind(record);
  insert.BindBlob(std::as_bytes(std::span(definition.data(), definition.size())));
  STEER_ASSIGN_OR_RETURN(const bool row, insert.Step());
  if (!row) return absl::InternalError("a new job got no number");
  const int64_t number = insert.Int(0);
  STEER_RETURN_IF_ERROR(insert.Step().status());  // to its end
  return number;
}

absl::Status WriteJob(SqliteConnection& connection, int64_t number, absl::string_view record,
                      bool finished) {
  SqliteStatement update = connection.Prepare(
      "UPDATE jobs SET record = ?2, finished = ?3, "
      "definition = iif(?3, x'', definition), checkpoint = iif(?3, '', checkpoint) "
      "WHERE number = ?1");
  return update.Bind(number).Bind(record).Bind(int64_t{finished}).Run();
}

absl::Status RemoveOldJobs(SqliteConnection& connection) {
  SqliteStatement remove = connection.Prepare(
      "DELETE FROM jobs WHERE finished = 1 AND number <= (SELECT number FROM jobs "
      "WHERE finished = 1 ORDER BY number DESC LIMIT 1 OFFSET ?1)");
  return remove.Bind(int64_t{kKeptFinishedJobs}).Run();
}

absl::StatusOr<std::vector<KeptJob>> AllJobs(SqliteConnection& connection) {
  SqliteStatement select =
      connection.Prepare("SELECT number, definition, record, finished FROM jobs ORDER BY number");
  std::vector<KeptJob> jobs;
  while (true) {
    STEER_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return jobs;
    const std::span<const std::byte> definition = select.Blob(1);
    jobs.push_back(
        {.number = select.Int(0),
         .definition = {reinterpret_cast<const char*>(definition.data()), definition.size()},
         .record = select.Text(2),
         .finished = select.Int(3) != 0});
  }
}

absl::StatusOr<std::optional<std::string>> CheckpointOf(SqliteConnection& connection,
                                                        int64_t number) {
  SqliteStatement select = connection.Prepare("SELECT checkpoint FROM jobs WHERE number = ?1");
  STEER_ASSIGN_OR_RETURN(const bool row, select.Bind(number).Step());
  if (!row) return std::optional<std::string>();
  return std::optional<std::string>(select.Text(0));
}

absl::Status WriteCheckpoint(SqliteConnection& connection, int64_t number, absl::string_view name) {
  SqliteStatement update = connection.Prepare("UPDATE jobs SET checkpoint = ?2 WHERE number = ?1");
  return update.Bind(number).Bind(name).Run();
}

absl::StatusOr<bool> IsCheckpoint(SqliteConnection& connection, absl::string_view name) {
  SqliteStatement select = connection.Prepare("SELECT 1 FROM jobs WHERE checkpoint = ?1");
  return select.Bind(name).Step();
}

}  // namespace steer

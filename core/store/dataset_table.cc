#include "core/store/dataset_table.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// In the order of ReadRecord.
constexpr char kColumns[] = "seq, id, name, rows, created_unix_ms, description, bytes";

DatasetRecord ReadRecord(const SqliteStatement& row) {
  return {.id = row.Text(1),
          .name = row.Text(2),
          .rows = row.Int(3),
          .bytes = row.Int(6),
          .created_unix_ms = row.Int(4),
          .description = row.Text(5)};
}

std::span<const std::byte> BytesOf(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

absl::StatusOr<std::optional<DatasetRecord>> FindDataset(SqliteConnection& connection,
                                                         absl::string_view id_or_name) {
  // A name is never spelt as an id.
  SqliteStatement select = connection.Prepare(
      absl::StrCat("SELECT ", kColumns, " FROM datasets WHERE id = ?1 OR name = ?1"));
  STEER_ASSIGN_OR_RETURN(const bool row, select.Bind(id_or_name).Step());
  if (!row) return std::optional<DatasetRecord>();
  return std::optional<DatasetRecord>(ReadRecord(select));
}

absl::StatusOr<std::optional<std::string>> ContentOf(SqliteConnection& connection,
                                                     absl::string_view id) {
  SqliteStatement select = connection.Prepare("SELECT content FROM datasets WHERE id = ?1");
  STEER_ASSIGN_OR_RETURN(const bool row, select.Bind(id).Step());
  if (!row) return std::optional<std::string>();
  const std::span<const std::byte> bytes = select.Blob(0);
  return std::make_optional<std::string>(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

absl::Status WriteDataset(SqliteConnection& connection, const DatasetRecord& record,
                          absl::string_view content) {
  SqliteStatement insert = connection.Prepare(
      "INSERT INTO datasets (id, rows, created_unix_ms, description, bytes, content) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
      "ON CONFLICT (id) DO UPDATE SET content = excluded.content");
  insert.Bind(record.id).Bind(record.rows).Bind(record.created_unix_ms).Bind(record.description);
  insert.Bind(record.bytes).BindBlob(BytesOf(content));
  return insert.Run();
}

absl::Status MoveDatasetName(SqliteConnection& connection, absl::string_view name,
                             absl::string_view id) {
  SqliteStatement take = connection.Prepare("UPDATE datasets SET name = NULL WHERE name = ?1");
  STEER_RETURN_IF_ERROR(take.Bind(name).Run());
  SqliteStatement give = connection.Prepare("UPDATE datasets SET name = ?1 WHERE id = ?2");
  return give.Bind(name).Bind(id).Run();
}

absl::StatusOr<bool> RemoveDataset(SqliteConnection& connection, absl::string_view id) {
  SqliteStatement select = connection.Prepare("SELECT 1 FROM datasets WHERE id = ?1");
  STEER_ASSIGN_OR_RETURN(const bool existing, select.Bind(id).Step());
  if (!existing) return false;
  SqliteStatement remove = connection.Prepare("DELETE FROM datasets WHERE id = ?1");
  STEER_RETURN_IF_ERROR(remove.Bind(id).Run());
  return true;
}

absl::StatusOr<std::vector<NumberedDataset>> DatasetsBefore(SqliteConnection& connection,
                                                            int64_t seq, int64_t limit) {
  SqliteStatement select = connection.Prepare(absl::StrCat(
      "SELECT ", kColumns, " FROM datasets WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2"));
  select.Bind(seq).Bind(limit);
  std::vector<NumberedDataset> datasets;
  while (true) {
    STEER_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return datasets;
    datasets.push_back({select.Int(0), ReadRecord(select)});
  }
}

}  // namespace steer

#include "core/store/signal_table.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

// In the order of ReadRecord and InsertSignal.
constexpr char kSignalColumns[] =
    "seq, id, kind, sites, model_shape, model_weights, default_multiplier, on_prompt, "
    "on_generated, exclude_template_head, payload_bytes, created_unix_ms, labels, description, "
    "user_text_only, provenance";
constexpr char kAliasColumns[] = "name, signal_id, version, updated_unix_ms";

absl::StatusOr<std::vector<std::string>> AliasesOf(SqliteConnection& connection,
                                                   absl::string_view id) {
  SqliteStatement select =
      connection.Prepare("SELECT name FROM aliases WHERE signal_id = ?1 ORDER BY name");
  select.Bind(id);
  std::vector<std::string> names;
  while (true) {
    STEER_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return names;
    names.push_back(select.Text(0));
  }
}

nlohmann::json ParseJson(const std::string& text) {
  return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
}

bool AllText(const nlohmann::json& values) {
  return std::all_of(values.begin(), values.end(),
                     [](const nlohmann::json& value) { return value.is_string(); });
}

absl::StatusOr<SignalRecord> ReadRecord(SqliteConnection& connection, const SqliteStatement& row) {
  SignalRecord record;
  record.id = row.Text(1);
  const absl::StatusOr<SignalKind> kind = ParseSignalKind(row.Text(2), "kind");
  const nlohmann::json sites = ParseJson(row.Text(3));
  const nlohmann::json labels = ParseJson(row.Text(12));
  if (!kind.ok() || !sites.is_array() || !AllText(sites) || !labels.is_object() ||
      !AllText(labels)) {
    return absl::DataLossError(absl::StrCat("signals.db: the row of signal ", record.id,
                                            " is damaged: kind, sites or labels"));
  }
  record.kind = *kind;
  record.sites = sites.get<std::vector<std::string>>();
  record.marks = {row.Text(4), row.Text(5)};
  record.default_multiplier = row.Real(6);
  record.default_positions = {row.Int(7) != 0, row.Int(8) != 0, row.Int(9) != 0, row.Int(14) != 0};
  record.payload_bytes = row.Int(10);
  record.created_unix_ms = row.Int(11);
  record.labels = labels.get<std::map<std::string, std::string>>();
  record.description = row.Text(13);
  record.provenance = row.Text(15);
  STEER_ASSIGN_OR_RETURN(record.aliases, AliasesOf(connection, record.id));
  return record;
}

AliasRecord ReadAlias(const SqliteStatement& row) {
  return {row.Text(0), row.Text(1), row.Int(2), row.Int(3)};
}

}  // namespace

absl::StatusOr<std::optional<SignalRecord>> FindSignal(SqliteConnection& connection,
                                                       absl::string_view id) {
  const std::string sql = absl::StrCat("SELECT ", kSignalColumns, " FROM signals WHERE id = ?1");
  SqliteStatement select = connection.Prepare(sql);
  STEER_ASSIGN_OR_RETURN(const bool row, select.Bind(id).Step());
  if (!row) return std::optional<SignalRecord>();
  STEER_ASSIGN_OR_RETURN(SignalRecord record, ReadRecord(connection, select));
  return std::optional<SignalRecord>(std::move(record));
}

absl::Status InsertSignal(SqliteConnection& connection, const SignalRecord& record) {
  const std::string sites = nlohmann::json(record.sites).dump();
  const std::string labels = nlohmann::json(record.labels).dump();
  const PositionRule& positions = record.default_positions;
  const std::string sql = absl::StrCat(
      "INSERT INTO signals (", kSignalColumns,
      ") VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
  SqliteStatement insert = connection.Prepare(sql);
  insert.Bind(record.id).Bind(Name(record.kind)).Bind(sites).Bind(record.marks.shape);
  insert.Bind(record.marks.weights).Bind(record.default_multiplier);
  insert.Bind(int64_t{positions.prompt}).Bind(int64_t{positions.generated});
  insert.Bind(int64_t{positions.exclude_template_head}).Bind(record.payload_bytes);
  insert.Bind(record.created_unix_ms).Bind(labels).Bind(record.description);
  insert.Bind(int64_t{positions.user_text_only}).Bind(record.provenance);
  return insert.Run();
}

absl::Status WriteProvenance(SqliteConnection& connection, absl::string_view id,
                             absl::string_view provenance) {
  SqliteStatement update = connection.Prepare("UPDATE signals SET provenance = ?2 WHERE id = ?1");
  return update.Bind(id).Bind(provenance).Run();
}

absl::Status RemoveSignal(SqliteConnection& connection, absl::string_view id) {
  SqliteStatement update =
      connection.Prepare("UPDATE aliases SET signal_id = NULL WHERE signal_id = ?1");
  STEER_RETURN_IF_ERROR(update.Bind(id).Run());
  SqliteStatement remove = connection.Prepare("DELETE FROM signals WHERE id = ?1");
  return remove.Bind(id).Run();
}

absl::StatusOr<std::vector<NumberedSignal>> SignalsBefore(SqliteConnection& connection, int64_t seq,
                                                          int64_t limit) {
  const std::string sql = absl::StrCat("SELECT ", kSignalColumns,
                                       " FROM signals WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");
  SqliteStatement select = connection.Prepare(sql);
  select.Bind(seq).Bind(limit);
  std::vector<NumberedSignal> signals;
  while (true) {
    STEER_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return signals;
    STEER_ASSIGN_OR_RETURN(SignalRecord record, ReadRecord(connection, select));
    signals.push_back({select.Int(0), std::move(record)});
  }
}

absl::StatusOr<std::optional<AliasRecord>> FindAlias(SqliteConnection& connection,
                                                     absl::string_view name) {
  const std::string sql = absl::StrCat("SELECT ", kAliasColumns, " FROM aliases WHERE name = ?1");
  SqliteStatement select = connection.Prepare(sql);
  STEER_ASSIGN_OR_RETURN(const bool row, select.Bind(name).Step());
  if (!row) return std::optional<AliasRecord>();
  return std::optional<AliasRecord>(ReadAlias(select));
}

absl::Status WriteAlias(SqliteConnection& connection, const AliasRecord& alias) {
  const std::string sql =
      absl::StrCat("INSERT INTO aliases (", kAliasColumns, ") VALUES (?1, nullif(?2, ''), ?3, ?4) ",
                   "ON CONFLICT (name) DO UPDATE SET signal_id = excluded.signal_id, "
                   "version = excluded.version, updated_unix_ms = excluded.updated_unix_ms");
  SqliteStatement upsert = connection.Prepare(sql);
  upsert.Bind(alias.name).Bind(alias.signal_id).Bind(alias.version).Bind(alias.updated_unix_ms);
  return upsert.Run();
}

absl::StatusOr<std::vector<AliasRecord>> AliasesAfter(SqliteConnection& connection,
                                                      absl::string_view name, int64_t limit) {
  const std::string sql = absl::StrCat(
      "SELECT ", kAliasColumns,
      " FROM aliases WHERE name > ?1 AND signal_id IS NOT NULL ORDER BY name LIMIT ?2");
  SqliteStatement select = connection.Prepare(sql);
  select.Bind(name).Bind(limit);
  std::vector<AliasRecord> aliases;
  while (true) {
    STEER_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return aliases;
    aliases.push_back(ReadAlias(select));
  }
}

}  // namespace steer

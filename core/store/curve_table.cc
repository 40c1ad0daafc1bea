#include "core/store/curve_table.h"

#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/store/positions_columns.h"

namespace steer {
namespace {

// In the order of ReadHead and WriteCurve, which have the losses last.
constexpr char kOwnColumns[] =
    "seq, id, curves.signal_id, curves.on_prompt, curves.on_generated, "
    "curves.exclude_template_head, curves.user_text_only, model_fingerprint, pairs_sha256, system, "
    "end_of_turn, raw, both_spellings, created_unix_ms, curves.multipliers, pairs";
constexpr char kSecondColumns[] =
    "second_axes.signal_id, second_axes.on_prompt, second_axes.on_generated, "
    "second_axes.exclude_template_head, second_axes.user_text_only, second_axes.multipliers";
constexpr char kTables[] = " FROM curves LEFT JOIN second_axes ON curve_id = id ";
constexpr int kSecondColumn = 16;  // the first of them
constexpr int kLossesColumn = 22;

// nullopt unless the bytes are a whole number of Ts.
template <typename T>
std::optional<std::vector<T>> ReadList(std::span<const std::byte> bytes) {
  if (bytes.size() % sizeof(T) != 0) return std::nullopt;
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

absl::StatusOr<CurveRecord> ReadHead(const SqliteStatement& row) {
  CurveRecord curve;
  curve.id = row.Text(1);
  curve.signal_id = row.Text(2);
  curve.positions = ReadPositions(row, 3);
  curve.model_fingerprint = row.Text(7);
  curve.pairs_sha256 = row.Text(8);
  const std::span<const std::byte> system = row.Blob(9);
  curve.system.assign(reinterpret_cast<const char*>(system.data()), system.size());
  curve.end_of_turn = row.Int(10) != 0;
  curve.raw = row.Int(11) != 0;
  curve.both_spellings = row.Int(12) != 0;
  curve.created_unix_ms = row.Int(13);
  std::optional<std::vector<double>> multipliers = ReadList<double>(row.Blob(14));
  if (!multipliers) return CurveDamaged(curve.id, "multipliers have lost bytes");
  curve.multipliers = *std::move(multipliers);
  const int64_t pairs = row.Int(15);
  if (pairs < 1 || pairs > kMaxCurveLosses) {
    return CurveDamaged(curve.id, absl::StrCat("number of pairs is ", pairs));
  }
  curve.pairs = static_cast<int>(pairs);
  if (row.Text(kSecondColumn).empty()) return curve;
  multipliers = ReadList<double>(row.Blob(kSecondColumn + 5));
  if (!multipliers) return CurveDamaged(curve.id, "second multipliers have lost bytes");
  curve.second = SecondAxis{.signal_id = row.Text(kSecondColumn),
                            .positions = ReadPositions(row, kSecondColumn + 1),
                            .multipliers = *std::move(multipliers)};
  return curve;
}

absl::Status WriteSecondAxis(SqliteConnection& connection, const std::string& curve_id,
                             const SecondAxis& second) {
  SqliteStatement insert = connection.Prepare(
      "INSERT OR REPLACE INTO second_axes (curve_id, signal_id, on_prompt, on_generated, "
      "exclude_template_head, user_text_only, multipliers) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  insert.Bind(curve_id).Bind(second.signal_id);
  BindPositions(second.positions, insert);
  insert.BindBlob(std::as_bytes(std::span(second.multipliers)));
  return insert.Run();
}

}  // namespace

absl::StatusOr<std::optional<CurveRecord>> FindCurve(SqliteConnection& connection,
                                                     absl::string_view id) {
  SqliteStatement select = connection.Prepare(absl::StrCat(
      "SELECT ", kOwnColumns, ", ", kSecondColumns, ", losses", kTables, "WHERE id = ?1"));
  STEER_ASSIGN_OR_RETURN(const bool row, select.Bind(id).Step());
  if (!row) return std::optional<CurveRecord>();
  STEER_ASSIGN_OR_RETURN(CurveRecord curve, ReadHead(select));
  const std::span<const std::byte> blob = select.Blob(kLossesColumn);
  std::optional<std::vector<CurveLosses>> losses = ReadList<CurveLosses>(blob);
  if (!losses || losses->size() != curve.points() * static_cast<size_t>(curve.pairs)) {
    return CurveDamaged(id, absl::StrCat("losses are ", blob.size(), " bytes for ", curve.points(),
                                         " x ", curve.pairs, " entries"));
  }
  curve.losses = *std::move(losses);
  return std::optional<CurveRecord>(std::move(curve));
}

absl::StatusOr<int64_t> WriteCurve(SqliteConnection& connection, const CurveRecord& curve) {
  int64_t seq = 0;  // the next
  int64_t created = curve.created_unix_ms;
  SqliteStatement select =
      connection.Prepare("SELECT seq, created_unix_ms FROM curves WHERE id = ?1");
  STEER_ASSIGN_OR_RETURN(const bool existing, select.Bind(curve.id).Step());
  if (existing) {
    seq = select.Int(0);
    created = select.Int(1);
  }
  SqliteStatement insert = connection.Prepare(
      "INSERT OR REPLACE INTO curves (seq, id, signal_id, on_prompt, on_generated, "
      "exclude_template_head, user_text_only, model_fingerprint, pairs_sha256, system, "
      "end_of_turn, raw, both_spellings, created_unix_ms, multipliers, pairs, losses) VALUES "
      "(nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)");
  insert.Bind(seq).Bind(curve.id).Bind(curve.signal_id);
  BindPositions(curve.positions, insert);
  insert.Bind(curve.model_fingerprint).Bind(curve.pairs_sha256);
  insert.BindBlob(std::as_bytes(std::span(curve.system)));
  insert.Bind(int64_t{curve.end_of_turn}).Bind(int64_t{curve.raw});
  insert.Bind(int64_t{curve.both_spellings}).Bind(created);
  insert.BindBlob(std::as_bytes(std::span(curve.multipliers))).Bind(int64_t{curve.pairs});
  insert.BindBlob(std::as_bytes(std::span(curve.losses)));
  STEER_RETURN_IF_ERROR(insert.Run());
  if (curve.second) STEER_RETURN_IF_ERROR(WriteSecondAxis(connection, curve.id, *curve.second));
  return created;
}

absl::StatusOr<bool> RemoveCurve(SqliteConnection& connection, absl::string_view id) {
  SqliteStatement select = connection.Prepare("SELECT 1 FROM curves WHERE id = ?1");
  STEER_ASSIGN_OR_RETURN(const bool existing, select.Bind(id).Step());
  if (!existing) return false;
  SqliteStatement remove = connection.Prepare("DELETE FROM curves WHERE id = ?1");
  STEER_RETURN_IF_ERROR(remove.Bind(id).Run());
  return true;
}

absl::Status RemoveCurvesOf(SqliteConnection& connection, absl::string_view signal_id) {
  SqliteStatement remove = connection.Prepare(
      "DELETE FROM curves WHERE signal_id = ?1 OR id IN "
      "(SELECT curve_id FROM second_axes WHERE signal_id = ?1)");
  return remove.Bind(signal_id).Run();
}

absl::StatusOr<std::vector<NumberedCurve>> CurvesBefore(SqliteConnection& connection,
                                                        absl::string_view signal_id, int64_t seq,
                                                        int64_t limit) {
  SqliteStatement select = connection.Prepare(
      absl::StrCat("SELECT ", kOwnColumns, ", ", kSecondColumns, kTables, "WHERE seq < ?1",
                   signal_id.empty() ? "" : " AND ?3 IN (curves.signal_id, second_axes.signal_id)",
                   " ORDER BY seq DESC LIMIT ?2"));
  select.Bind(seq).Bind(limit);
  if (!signal_id.empty()) select.Bind(signal_id);
  std::vector<NumberedCurve> curves;
  while (true) {
    STEER_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return curves;
    STEER_ASSIGN_OR_RETURN(CurveRecord record, ReadHead(select));
    curves.push_back({select.Int(0), std::move(record)});
  }
}

}  // namespace steer

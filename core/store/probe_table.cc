#include "core/store/probe_table.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/store/positions_columns.h"

namespace steer {
namespace {

constexpr char kRunColumns[] =
    "seq, signal, signal_id, model_fingerprint, measured_unix_ms, pairs, plain_preference, "
    "plain_utility";

std::optional<double> OptionalReal(const SqliteStatement& row, int column) {
  return row.IsNull(column) ? std::nullopt : std::optional<double>(row.Real(column));
}

absl::StatusOr<std::vector<ProbePoint>> PointsOfRun(SqliteConnection& connection, int64_t run) {
  SqliteStatement select = connection.Prepare(
      "SELECT on_prompt, on_generated, exclude_template_head, user_text_only, multiplier, "
      "bias_multiplier, uses, preference, utility FROM probe_points WHERE run = ?1 ORDER BY place");
  select.Bind(run);
  std::vector<ProbePoint> points;
  while (true) {
    STEER_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return points;
    points.push_back({.positions = ReadPositions(select, 0),
                      .multiplier = select.Real(4),
                      .bias_multiplier = select.Real(5),
                      .uses = select.Int(6),
                      .preference = select.Real(7),
                      .utility = OptionalReal(select, 8)});
  }
}

absl::StatusOr<NumberedProbeRun> ReadRun(SqliteConnection& connection, const SqliteStatement& row) {
  NumberedProbeRun numbered{.seq = row.Int(0), .run = {}};
  ProbeRun& run = numbered.run;
  run.signal = row.Text(1);
  run.signal_id = row.Text(2);
  run.model_fingerprint = row.Text(3);
  run.measured_unix_ms = row.Int(4);
  run.pairs = static_cast<int>(row.Int(5));
  run.plain_preference = row.Real(6);
  run.plain_utility = OptionalReal(row, 7);
  STEER_ASSIGN_OR_RETURN(run.points, PointsOfRun(connection, numbered.seq));
  return numbered;
}

// Those of the set but the first and the last kKeptProbeRuns.
absl::Status RemoveOldRuns(SqliteConnection& connection, absl::string_view signal) {
  SqliteStatement remove = connection.Prepare(
      "DELETE FROM probe_runs WHERE signal = ?1 "
      "AND seq > (SELECT min(seq) FROM probe_runs WHERE signal = ?1) "
      "AND seq <= (SELECT seq FROM probe_runs WHERE signal = ?1 "
      "            ORDER BY seq DESC LIMIT 1 OFFSET ?2)");
  return remove.Bind(signal).Bind(int64_t{kKeptProbeRuns}).Run();
}

}  // namespace

absl::Status WriteProbeSet(SqliteConnection& connection, const ProbeSet& set) {
  STEER_RETURN_IF_ERROR(RemoveProbeSet(connection, set.signal).status());
  SqliteStatement insert = connection.Prepare(
      "INSERT INTO probe_sets (signal, definition, created_unix_ms) VALUES (?1, ?2, ?3)");
  return insert.Bind(set.signal).Bind(set.definition).Bind(set.created_unix_ms).Run();
}

absl::StatusOr<std::optional<ProbeSet>> FindProbeSet(SqliteConnection& connection,
                                                     absl::string_view signal) {
  SqliteStatement select = connection.Prepare(
      "SELECT signal, definition, created_unix_ms FROM probe_sets WHERE signal = ?1");
  STEER_ASSIGN_OR_RETURN(const bool row, select.Bind(signal).Step());
  if (!row) return std::optional<ProbeSet>();
  return std::optional<ProbeSet>({select.Text(0), select.Text(1), select.Int(2)});
}

absl::StatusOr<std::vector<ProbeSet>> AllProbeSets(SqliteConnection& connection) {
  SqliteStatement select = connection.Prepare(
      "SELECT signal, definition, created_unix_ms FROM probe_sets ORDER BY signal");
  std::vector<ProbeSet> sets;
  while (true) {
    STEER_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return sets;
    sets.push_back({select.Text(0), select.Text(1), select.Int(2)});
  }
}

absl::StatusOr<bool> RemoveProbeSet(SqliteConnection& connection, absl::string_view signal) {
  STEER_ASSIGN_OR_RETURN(const std::optional<ProbeSet> set, FindProbeSet(connection, signal));
  if (!set) return false;
  // Its runs go with it.
  SqliteStatement remove = connection.Prepare("DELETE FROM probe_sets WHERE signal = ?1");
  STEER_RETURN_IF_ERROR(remove.Bind(signal).Run());
  return true;
}

absl::Status RemoveProbesOf(SqliteConnection& connection, absl::string_view signal_id) {
  SqliteStatement runs = connection.Prepare("DELETE FROM probe_runs WHERE signal_id = ?1");
  STEER_RETURN_IF_ERROR(runs.Bind(signal_id).Run());
  SqliteStatement sets = connection.Prepare("DELETE FROM probe_sets WHERE signal = ?1");
  return sets.Bind(signal_id).Run();
}

absl::Status AddProbeRun(SqliteConnection& connection, const ProbeRun& run) {
  SqliteStatement insert = connection.Prepare(
      "INSERT INTO probe_runs (signal, signal_id, model_fingerprint, measured_unix_ms, pairs, "
      "plain_preference, plain_utility) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  insert.Bind(run.signal).Bind(run.signal_id).Bind(run.model_fingerprint);
  insert.Bind(run.measured_unix_ms).Bind(int64_t{run.pairs}).Bind(run.plain_preference);
  STEER_RETURN_IF_ERROR(insert.BindOptional(run.plain_utility).Run());
  for (size_t i = 0; i < run.points.size(); ++i) {
    const ProbePoint& point = run.points[i];
    SqliteStatement add = connection.Prepare(
        "INSERT INTO probe_points (run, place, on_prompt, on_generated, exclude_template_head, "
        "user_text_only, multiplier, bias_multiplier, uses, preference, utility) VALUES "
        "((SELECT max(seq) FROM probe_runs), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    add.Bind(static_cast<int64_t>(i));
    BindPositions(point.positions, add);
    add.Bind(point.multiplier).Bind(point.bias_multiplier).Bind(point.uses).Bind(point.preference);
    STEER_RETURN_IF_ERROR(add.BindOptional(point.utility).Run());
  }
  return RemoveOldRuns(connection, run.signal);
}

absl::StatusOr<std::vector<NumberedProbeRun>> ProbeRunsBefore(SqliteConnection& connection,
                                                              absl::string_view signal, int64_t seq,
                                                              int64_t limit) {
  SqliteStatement select = connection.Prepare(
      absl::StrCat("SELECT ", kRunColumns,
                   " FROM probe_runs WHERE signal = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"));
  select.Bind(signal).Bind(seq).Bind(limit);
  std::vector<NumberedProbeRun> runs;
  while (true) {
    STEER_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return runs;
    STEER_ASSIGN_OR_RETURN(runs.emplace_back(), ReadRun(connection, select));
  }
}

absl::StatusOr<std::optional<ProbeRun>> FirstProbeRun(SqliteConnection& connection,
                                                      absl::string_view signal) {
  SqliteStatement select = connection.Prepare(absl::StrCat(
      "SELECT ", kRunColumns, " FROM probe_runs WHERE signal = ?1 ORDER BY seq LIMIT 1"));
  STEER_ASSIGN_OR_RETURN(const bool row, select.Bind(signal).Step());
  if (!row) return std::optional<ProbeRun>();
  STEER_ASSIGN_OR_RETURN(NumberedProbeRun first, ReadRun(connection, select));
  return std::optional<ProbeRun>(std::move(first.run));
}

}  // namespace steer

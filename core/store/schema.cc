#include "core/store/schema.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// Step n leads from version n to n + 1. A released step is never changed.
//
// seq gives the order of arrival, and AUTOINCREMENT never reuses one, so pages stay stable. The row
// of a deleted alias stays with signal_id NULL: its version must go on when the name comes back.
constexpr std::array<const char*, 6> kSteps = {R"sql(
  CREATE TABLE signals (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    sites TEXT NOT NULL,   -- JSON array
    model_shape TEXT NOT NULL,
    model_weights TEXT NOT NULL,
    default_multiplier REAL NOT NULL,
    on_prompt INTEGER NOT NULL,
    on_generated INTEGER NOT NULL,
    exclude_template_head INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    created_unix_ms INTEGER NOT NULL,
    labels TEXT NOT NULL,  -- JSON object
    description TEXT NOT NULL
  ) STRICT;
  CREATE TABLE aliases (
    name TEXT PRIMARY KEY NOT NULL,
    signal_id TEXT REFERENCES signals (id),
    version INTEGER NOT NULL,
    updated_unix_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX aliases_by_signal ON aliases (signal_id, name);
  CREATE TABLE secret (value TEXT NOT NULL) STRICT;
  INSERT INTO secret VALUES (lower(hex(randomblob(32))));
)sql",
                                               R"sql(
  ALTER TABLE signals ADD COLUMN user_text_only INTEGER NOT NULL DEFAULT 0;
)sql",
                                               R"sql(
  CREATE TABLE curves (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    signal_id TEXT NOT NULL REFERENCES signals (id),
    on_prompt INTEGER NOT NULL,
    on_generated INTEGER NOT NULL,
    exclude_template_head INTEGER NOT NULL,
    user_text_only INTEGER NOT NULL,
    model_fingerprint TEXT NOT NULL,
    pairs_sha256 TEXT NOT NULL,
    system BLOB NOT NULL,  -- any bytes
    end_of_turn INTEGER NOT NULL,
    raw INTEGER NOT NULL,
    both_spellings INTEGER NOT NULL,
    created_unix_ms INTEGER NOT NULL,
    multipliers BLOB NOT NULL,  -- little-endian doubles
    pairs INTEGER NOT NULL,
    losses BLOB NOT NULL  -- CurveLosses, [multipliers][pairs]; last, so that lists never read it
  ) STRICT;
  CREATE INDEX curves_by_signal ON curves (signal_id, seq);
)sql",
                                               R"sql(
  CREATE TABLE second_axes (  -- of curves of two signals
    curve_id TEXT PRIMARY KEY NOT NULL REFERENCES curves (id) ON DELETE CASCADE,
    signal_id TEXT NOT NULL REFERENCES signals (id),
    on_prompt INTEGER NOT NULL,
    on_generated INTEGER NOT NULL,
    exclude_template_head INTEGER NOT NULL,
    user_text_only INTEGER NOT NULL,
    multipliers BLOB NOT NULL  -- little-endian doubles
  ) STRICT;
  CREATE INDEX second_axes_by_signal ON second_axes (signal_id);
)sql",
                                               R"sql(
  CREATE TABLE probe_sets (
    signal TEXT PRIMARY KEY NOT NULL,  -- alias or id
    definition TEXT NOT NULL,
    created_unix_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE probe_runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    signal TEXT NOT NULL REFERENCES probe_sets (signal) ON DELETE CASCADE,
    signal_id TEXT NOT NULL REFERENCES signals (id),
    model_fingerprint TEXT NOT NULL,
    measured_unix_ms INTEGER NOT NULL,
    pairs INTEGER NOT NULL,
    plain_preference REAL NOT NULL,
    plain_utility REAL
  ) STRICT;
  CREATE INDEX probe_runs_by_signal ON probe_runs (signal, seq);
  CREATE INDEX probe_runs_by_version ON probe_runs (signal_id);
  CREATE TABLE probe_points (
    run INTEGER NOT NULL REFERENCES probe_runs (seq) ON DELETE CASCADE,
    place INTEGER NOT NULL,  -- from 0
    on_prompt INTEGER NOT NULL,
    on_generated INTEGER NOT NULL,
    exclude_template_head INTEGER NOT NULL,
    user_text_only INTEGER NOT NULL,
    multiplier REAL NOT NULL,
    bias_multiplier REAL NOT NULL,
    uses INTEGER NOT NULL,
    preference REAL NOT NULL,
    utility REAL,
    PRIMARY KEY (run, place)
  ) STRICT, WITHOUT ROWID;
)sql",
                                               R"sql(
  ALTER TABLE signals ADD COLUMN provenance TEXT NOT NULL DEFAULT '';
  CREATE TABLE datasets (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT UNIQUE,  -- or NULL
    rows INTEGER NOT NULL,
    created_unix_ms INTEGER NOT NULL,
    description TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    content BLOB NOT NULL  -- last, so that lists never read it
  ) STRICT;
  CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    finished INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL,
    checkpoint TEXT NOT NULL DEFAULT '',  -- SHA-256 of its bytes, or empty
    definition BLOB NOT NULL
  ) STRICT;
  CREATE INDEX finished_jobs ON jobs (finished, number);
  CREATE INDEX jobs_by_checkpoint ON jobs (checkpoint);
)sql"};

}  // namespace

absl::StatusOr<int64_t> SchemaVersion(SqliteConnection& connection) {
  SqliteStatement statement = connection.Prepare("PRAGMA user_version");
  STEER_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::InternalError("the database has no version");
  return statement.Int(0);
}

absl::Status Migrate(SqliteConnection& connection) {
  STEER_ASSIGN_OR_RETURN(const int64_t version, SchemaVersion(connection));
  const int64_t newest = static_cast<int64_t>(kSteps.size());
  if (version < 0 || version > newest) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"NEWER_SCHEMA", "state_directory", absl::StrCat("a database of version ", version),
         absl::StrCat("version 0 to ", newest)});
  }
  for (int64_t step = version; step < newest; ++step) {
    STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(connection));
    STEER_RETURN_IF_ERROR(connection.Execute(kSteps[static_cast<size_t>(step)]));
    STEER_RETURN_IF_ERROR(connection.Execute(absl::StrCat("PRAGMA user_version = ", step + 1)));
    STEER_RETURN_IF_ERROR(transaction->Commit());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Secret(SqliteConnection& connection) {
  SqliteStatement statement = connection.Prepare("SELECT value FROM secret");
  STEER_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::DataLossError("the database has lost its secret");
  return statement.Text(0);
}

}  // namespace steer

#include "core/store/sqlite_connection.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/store/file_io.h"

namespace steer {
namespace {

// How long to wait for somebody who looks into the database with another program.
constexpr int kBusyMillis = 5000;

// The errno of the log's last failed system call. sqlite3_system_errno has lost it by the time a
// failed write has been rolled back.
int LogError(sqlite3* db) {
  sqlite3_file* log = nullptr;
  int error = 0;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&log)) ==
          SQLITE_OK &&
      log != nullptr && log->pMethods != nullptr) {
    log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
  }
  return error;
}

absl::StatusCode CodeOf(sqlite3* db) {
  const int extended = sqlite3_extended_errcode(db);
  // Quotas and file-size limits arrive as I/O errors. Only of writes: after a failed fsync the
  // commit may be in the log all the same, whatever the reason.
  if (extended == SQLITE_IOERR_WRITE && IsDiskFull(LogError(db))) {
    return absl::StatusCode::kResourceExhausted;
  }
  switch (static_cast<unsigned>(extended) & 0xffU) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kInternal;
  }
}

// Never OK: a call on `db` has just failed.
absl::Status ErrorOf(sqlite3* db) {
  if (db == nullptr) return absl::UnavailableError("no memory for a database");
  const char* const path = sqlite3_db_filename(db, "main");
  return {CodeOf(db), absl::StrCat(path == nullptr ? "database" : path, ": ", sqlite3_errmsg(db))};
}

}  // namespace

SqliteStatement::SqliteStatement(sqlite3* db, const std::string& sql) : db_(db) {
  Note(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement_, nullptr));
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

void SqliteStatement::Note(int result) {
  if (result != SQLITE_OK && error_.ok()) error_ = ErrorOf(db_);
}

SqliteStatement& SqliteStatement::Bind(absl::string_view text) {
  // A null pointer would bind NULL instead of an empty text.
  const char* const data = text.empty() ? "" : text.data();
  Note(sqlite3_bind_text64(statement_, ++parameters_, data, text.size(), SQLITE_STATIC,
                           SQLITE_UTF8));
  return *this;
}

SqliteStatement& SqliteStatement::Bind(int64_t value) {
  Note(sqlite3_bind_int64(statement_, ++parameters_, value));
  return *this;
}

SqliteStatement& SqliteStatement::Bind(double value) {
  Note(sqlite3_bind_double(statement_, ++parameters_, value));
  return *this;
}

SqliteStatement& SqliteStatement::BindOptional(std::optional<double> value) {
  if (value) return Bind(*value);
  Note(sqlite3_bind_null(statement_, ++parameters_));
  return *this;
}

SqliteStatement& SqliteStatement::BindBlob(std::span<const std::byte> bytes) {
  // As with text: no bytes are not NULL.
  const void* const data = bytes.empty() ? "" : static_cast<const void*>(bytes.data());
  Note(sqlite3_bind_blob64(statement_, ++parameters_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  if (!error_.ok()) return error_;
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return ErrorOf(db_);
  }
}

absl::Status SqliteStatement::Run() {
  STEER_ASSIGN_OR_RETURN(const bool row, Step());
  return row ? absl::InternalError("a statement without a result gave a row") : absl::OkStatus();
}

std::string SqliteStatement::Text(int column) const {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return text == nullptr ? std::string() : std::string(text, static_cast<size_t>(size));
}

int64_t SqliteStatement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double SqliteStatement::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::span<const std::byte> SqliteStatement::Blob(int column) const {
  const auto* const data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::span<const std::byte>()
                         : std::span(data, static_cast<size_t>(size));
}

bool SqliteStatement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path) {
  sqlite3* db = nullptr;
  // NOMUTEX: the owner's mutex covers whole transactions, which SQLite's own would not.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int opened = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(db));
  if (opened != SQLITE_OK) return ErrorOf(db);
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, kBusyMillis);
  // SQLite opens a database it may not write without complaint.
  if (sqlite3_db_readonly(db, "main") != 0) {
    return absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
  }
  STEER_RETURN_IF_ERROR(
      connection->Execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"));
  SqliteStatement journal = connection->Prepare("PRAGMA journal_mode = WAL");
  STEER_ASSIGN_OR_RETURN(const bool row, journal.Step());
  // On a file system without shared memory SQLite keeps the old mode and says so only here.
  if (!row || journal.Text(0) != "wal") {
    return absl::UnavailableError(
        absl::StrCat(path, ": this file system cannot hold a database in WAL mode"));
  }
  return connection;
}

SqliteConnection::~SqliteConnection() { sqlite3_close(db_); }

absl::Status SqliteConnection::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return ErrorOf(db_);
  return absl::OkStatus();
}

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

absl::StatusOr<std::unique_ptr<SqliteTransaction>> SqliteTransaction::Begin(
    SqliteConnection& connection) {
  // IMMEDIATE: a transaction that would have to wait for the write lock waits here, before it read.
  STEER_RETURN_IF_ERROR(connection.Execute("BEGIN IMMEDIATE"));
  return std::unique_ptr<SqliteTransaction>(new SqliteTransaction(connection));
}

SqliteTransaction::~SqliteTransaction() {
  // Some errors have rolled it back already.
  if (connection_.in_transaction()) connection_.Execute("ROLLBACK").IgnoreError();
}

}  // namespace steer

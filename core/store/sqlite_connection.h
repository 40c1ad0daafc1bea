#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace steer {

// One SQL statement while it runs. Errors are kept and come out of Step. Not thread-safe.
class SqliteStatement {
 public:
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  // The next parameter, from ?1 on. Text and bytes are borrowed until the last Step.
  SqliteStatement& Bind(absl::string_view text);
  SqliteStatement& Bind(int64_t value);
  SqliteStatement& Bind(double value);
  SqliteStatement& BindOptional(std::optional<double> value);  // NULL for nullopt
  SqliteStatement& BindBlob(std::span<const std::byte> bytes);

  // True: a row is there to be read; false: done.
  absl::StatusOr<bool> Step();
  // Steps once and expects no row.
  absl::Status Run();

  // Columns of the row, from 0.
  std::string Text(int column) const;
  int64_t Int(int column) const;
  double Real(int column) const;
  std::span<const std::byte> Blob(int column) const;  // until the next Step
  bool IsNull(int column) const;

 private:
  friend class SqliteConnection;
  SqliteStatement(sqlite3* db, const std::string& sql);
  void Note(int result);

  sqlite3* const db_;
  sqlite3_stmt* statement_ = nullptr;
  int parameters_ = 0;
  absl::Status error_;  // the first of prepare and bind
};

// A SQLite database in WAL mode with synchronous=FULL: a commit that returned OK is on the disk.
// Not thread-safe. Errors: RESOURCE_EXHAUSTED (disk full), DATA_LOSS (not a sound database),
// UNAVAILABLE (cannot be read, written or locked), INTERNAL (a bug of ours).
class SqliteConnection {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  SqliteStatement Prepare(const std::string& sql) { return {db_, sql}; }
  // One or more statements without parameters.
  absl::Status Execute(const std::string& sql);
  bool in_transaction() const;

 private:
  explicit SqliteConnection(sqlite3* db) : db_(db) {}
  sqlite3* const db_;
};

// Rolled back unless committed.
class SqliteTransaction {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteTransaction>> Begin(SqliteConnection& connection);
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;

  // After UNAVAILABLE it is unknown whether the next opening will find the changes.
  absl::Status Commit() { return connection_.Execute("COMMIT"); }

 private:
  explicit SqliteTransaction(SqliteConnection& connection) : connection_(connection) {}
  SqliteConnection& connection_;
};

}  // namespace steer

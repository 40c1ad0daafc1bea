#include "core/store/sqlite_store.h"

#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/clock.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/store/curve_table.h"
#include "core/store/formats/native.h"
#include "core/store/job_table.h"
#include "core/store/limits.h"
#include "core/store/probe_table.h"
#include "core/store/schema.h"
#include "core/store/signal_table.h"

namespace steer {
namespace {

constexpr char kSignalList[] = "signals";

SignalRecord RecordOf(const SignalData& signal) {
  SignalRecord record;
  record.id = SignalId(signal);
  record.kind = signal.kind;
  for (const SiteUpdate& update : signal.updates) record.sites.push_back(ToString(update.site));
  record.marks = signal.marks;
  record.default_multiplier = signal.default_multiplier;
  record.default_positions = signal.default_positions;
  record.created_unix_ms = UnixMillis();
  return record;
}

absl::Status NoSignal(absl::string_view field, absl::string_view name) {
  return NotFound(field, "signal", name);
}

absl::Status PayloadDamaged(const std::string& path, absl::string_view got) {
  return FieldError(absl::StatusCode::kDataLoss,
                    {"PAYLOAD_DAMAGED", path, std::string(got),
                     "the signal it was stored as; registering that again repairs it"});
}

absl::Status CheckNotLost(const PayloadFolder& payloads, const std::string& path,
                          SqliteConnection& connection) {
  STEER_ASSIGN_OR_RETURN(const int64_t version, SchemaVersion(connection));
  STEER_ASSIGN_OR_RETURN(const bool has_payloads, payloads.HasPayloads());
  // Opening removes payloads without a row, and a new database has no rows.
  if (version != 0 || !has_payloads) return absl::OkStatus();
  return FieldError(absl::StatusCode::kFailedPrecondition,
                    {"DATABASE_MISSING", "state_directory",
                     absl::StrCat("payloads in '", path, "' but no signals.db beside it"),
                     "both or neither: restore signals.db or move the payloads away"});
}

}  // namespace

SqliteStore::SqliteStore(const std::string& directory, FileDescriptor lock,
                         std::unique_ptr<SqliteConnection> connection, std::string secret)
    : lock_(std::move(lock)),
      page_tokens_(std::move(secret)),
      payloads_(absl::StrCat(directory, "/payloads")),
      checkpoints_(absl::StrCat(directory, "/checkpoints")),
      connection_(std::move(connection)) {}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& directory) {
  if (directory.empty()) return InvalidField("state_directory", "nothing", "a path");
  const std::string payloads = absl::StrCat(directory, "/payloads");
  STEER_RETURN_IF_ERROR(MakeDirectories(payloads));
  STEER_RETURN_IF_ERROR(MakeDirectories(absl::StrCat(directory, "/checkpoints")));
  STEER_ASSIGN_OR_RETURN(FileDescriptor lock, LockDirectory(directory));
  STEER_ASSIGN_OR_RETURN(auto connection,
                         SqliteConnection::Open(absl::StrCat(directory, "/signals.db")));
  STEER_RETURN_IF_ERROR(CheckNotLost(PayloadFolder(payloads), payloads, *connection));
  STEER_RETURN_IF_ERROR(Migrate(*connection));
  STEER_ASSIGN_OR_RETURN(std::string secret, Secret(*connection));
  // SQLite syncs the folder for its log, not for the database file itself.
  STEER_RETURN_IF_ERROR(SyncDirectory(directory));
  std::unique_ptr<SqliteStore> store(
      new SqliteStore(directory, std::move(lock), std::move(connection), std::move(secret)));
  STEER_RETURN_IF_ERROR(store->RemoveLeftovers());
  return store;
}

absl::Status SqliteStore::RemoveLeftovers() {
  const MutexLock files(payload_mutex_);
  STEER_RETURN_IF_ERROR(
      payloads_.RemoveLeftovers([this](const std::string& id) -> absl::StatusOr<bool> {
        const MutexLock lock(mutex_);
        STEER_ASSIGN_OR_RETURN(const std::optional<SignalRecord> record,
                               FindSignal(*connection_, id));
        return record.has_value();
      }));
  return checkpoints_.RemoveLeftovers([this](const std::string& name) {
    const MutexLock lock(mutex_);
    return IsCheckpoint(*connection_, name);
  });
}

absl::StatusOr<SignalStore::PutResult> SqliteStore::Put(const SignalData& signal,
                                                        std::map<std::string, std::string> labels,
                                                        std::string description) {
  STEER_RETURN_IF_ERROR(CheckAnnotations(labels, description));
  SignalRecord record = RecordOf(signal);
  STEER_ASSIGN_OR_RETURN(std::optional<SignalRecord> existing, FindSound(record.id));
  if (existing) return PutResult{*std::move(existing), true};

  const std::string payload = WriteNative(signal);
  record.payload_bytes = static_cast<int64_t>(payload.size());
  record.labels = std::move(labels);
  record.description = std::move(description);
  // The long part, without a lock.
  STEER_ASSIGN_OR_RETURN(const std::string temporary, payloads_.WriteTemporary(record.id, payload));
  return Publish(temporary, std::move(record));
}

absl::StatusOr<std::optional<SignalRecord>> SqliteStore::FindSound(const std::string& id) {
  std::optional<SignalRecord> record;
  {
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(record, FindSignal(*connection_, id));
  }
  if (!record) return record;
  absl::Status loaded = Load(id).status();
  if (absl::IsDataLoss(loaded) || absl::IsNotFound(loaded)) return std::optional<SignalRecord>();
  if (!loaded.ok()) return loaded;
  return record;
}

absl::StatusOr<SignalStore::PutResult> SqliteStore::Publish(const std::string& temporary,
                                                            SignalRecord record) {
  const MutexLock files(payload_mutex_);
  STEER_RETURN_IF_ERROR(payloads_.Publish(temporary, record.id));
  const MutexLock lock(mutex_);
  // Repaired just now, or put by another thread meanwhile.
  STEER_ASSIGN_OR_RETURN(std::optional<SignalRecord> existing, FindSignal(*connection_, record.id));
  if (existing) return PutResult{*std::move(existing), true};
  absl::Status inserted = Insert(record);
  if (inserted.ok()) return PutResult{std::move(record), false};
  // A full disk wants its space back at once. After any other error the commit may be in the log
  // and come to life at the next opening, so the payload stays; that opening removes it if not.
  if (absl::IsResourceExhausted(inserted)) payloads_.Remove(record.id);
  return inserted;
}

absl::Status SqliteStore::Insert(const SignalRecord& record) {
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_RETURN_IF_ERROR(InsertSignal(*connection_, record));
  return transaction->Commit();
}

absl::Status SqliteStore::SetProvenance(absl::string_view id, const std::string& provenance) {
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const std::optional<SignalRecord> record, FindSignal(*connection_, id));
  if (!record) return NoSignal("signal", id);
  if (!record->provenance.empty()) return absl::OkStatus();
  STEER_RETURN_IF_ERROR(WriteProvenance(*connection_, id, provenance));
  return transaction->Commit();
}

absl::StatusOr<SignalRecord> SqliteStore::Get(absl::string_view id_or_alias) {
  const MutexLock lock(mutex_);
  std::string id(id_or_alias);
  if (!IsSignalId(id_or_alias)) {
    STEER_ASSIGN_OR_RETURN(const std::optional<AliasRecord> alias,
                           FindAlias(*connection_, id_or_alias));
    if (!alias || alias->signal_id.empty()) return NoSignal("signal", id_or_alias);
    id = alias->signal_id;
  }
  STEER_ASSIGN_OR_RETURN(std::optional<SignalRecord> record, FindSignal(*connection_, id));
  if (!record) return NoSignal("signal", id);
  return *std::move(record);
}

absl::StatusOr<SignalData> SqliteStore::Load(absl::string_view id) {
  const std::string path = payloads_.PathOf(id);
  absl::StatusOr<FileDescriptor> file = absl::NotFoundError(path);
  {
    // Row and file are looked at together: a Delete between them would look like data loss.
    const MutexLock files(payload_mutex_);
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(const std::optional<SignalRecord> record, FindSignal(*connection_, id));
    if (!record) return NoSignal("signal", id);
    file = payloads_.Open(id);
  }
  if (absl::IsNotFound(file.status())) return PayloadDamaged(path, "no file");
  if (!file.ok()) return file.status();
  STEER_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(*file, path));
  absl::StatusOr<SignalData> signal =
      ParseNative(std::as_bytes(std::span(bytes.data(), bytes.size())));
  if (!signal.ok()) return PayloadDamaged(path, signal.status().message());
  if (const std::string now = SignalId(*signal); now != id) {
    return PayloadDamaged(path, absl::StrCat("a signal with the id ", now));
  }
  return signal;
}

absl::StatusOr<Page<SignalRecord>> SqliteStore::List(int page_size, absl::string_view page_token) {
  STEER_RETURN_IF_ERROR(CheckPageSize(page_size));
  STEER_ASSIGN_OR_RETURN(const int64_t before, page_tokens_.ReadNumber(kSignalList, page_token));
  std::vector<NumberedSignal> rows;
  {
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(rows, SignalsBefore(*connection_, before, int64_t{page_size} + 1));
  }
  Page<SignalRecord> page;
  if (rows.size() > static_cast<size_t>(page_size)) {
    rows.pop_back();
    page.next_page_token = page_tokens_.Make(kSignalList, absl::StrCat(rows.back().seq));
  }
  for (NumberedSignal& row : rows) page.items.push_back(std::move(row.record));
  return page;
}

absl::Status SqliteStore::Delete(absl::string_view id, bool with_aliases) {
  const MutexLock files(payload_mutex_);
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const std::optional<SignalRecord> record, FindSignal(*connection_, id));
  if (!record) return NoSignal("signal", id);
  if (!record->aliases.empty() && !with_aliases) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"ALIASES_POINT_HERE", "signal",
         absl::StrCat("a signal with the aliases ", absl::StrJoin(record->aliases, ", ")),
         "a signal without aliases, or with_aliases = true"});
  }
  STEER_RETURN_IF_ERROR(RemoveCurvesOf(*connection_, id));
  STEER_RETURN_IF_ERROR(RemoveProbesOf(*connection_, id));
  STEER_RETURN_IF_ERROR(RemoveSignal(*connection_, id));
  STEER_RETURN_IF_ERROR(transaction->Commit());
  // Only now that no row names it; if this fails, the next opening removes it.
  payloads_.Remove(record->id);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SignalStore>> OpenSqliteStore(const std::string& directory) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(directory);
  if (store.ok()) return std::unique_ptr<SignalStore>(*std::move(store));
  if (!absl::IsUnavailable(store.status())) return store.status();
  return FieldError(absl::StatusCode::kFailedPrecondition,
                    {"STATE_DIRECTORY_UNUSABLE", "state_directory",
                     absl::StrCat("'", directory, "' (", store.status().message(), ")"),
                     "a directory that this process can read and write"});
}

}  // namespace steer

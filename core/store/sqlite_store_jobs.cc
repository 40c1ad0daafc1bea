// The learning jobs of SqliteStore and their checkpoints.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/store/job_table.h"
#include "core/store/sqlite_store.h"

namespace steer {
namespace {

absl::Status NoJob(int64_t number) { return NotFound("job", "job", absl::StrCat(number)); }

}  // namespace

absl::StatusOr<int64_t> SqliteStore::AddJob(const std::string& definition,
                                            const std::string& record) {
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const int64_t number, InsertJob(*connection_, definition, record));
  STEER_RETURN_IF_ERROR(transaction->Commit());
  return number;
}

absl::Status SqliteStore::UpdateJob(int64_t number, const std::string& record, bool finished) {
  const MutexLock files(payload_mutex_);
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> checkpoint,
                         CheckpointOf(*connection_, number));
  if (!checkpoint) return NoJob(number);
  STEER_RETURN_IF_ERROR(WriteJob(*connection_, number, record, finished));
  if (finished) STEER_RETURN_IF_ERROR(RemoveOldJobs(*connection_));
  STEER_RETURN_IF_ERROR(transaction->Commit());
  if (finished) return ForgetCheckpoint(*checkpoint);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<KeptJob>> SqliteStore::ListJobs() {
  const MutexLock lock(mutex_);
  return AllJobs(*connection_);
}

absl::Status SqliteStore::PutCheckpoint(int64_t number, absl::string_view bytes) {
  const std::string name = Sha256Hex(bytes);
  // The long part, without a lock.
  STEER_ASSIGN_OR_RETURN(const std::string temporary, checkpoints_.WriteTemporary(name, bytes));
  const MutexLock files(payload_mutex_);
  STEER_RETURN_IF_ERROR(checkpoints_.Publish(temporary, name));
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> last, CheckpointOf(*connection_, number));
  // A file that no row names goes with the next opening.
  if (!last) return NoJob(number);
  STEER_RETURN_IF_ERROR(WriteCheckpoint(*connection_, number, name));
  STEER_RETURN_IF_ERROR(transaction->Commit());
  return ForgetCheckpoint(*last);
}

absl::Status SqliteStore::ForgetCheckpoint(const std::string& name) {
  if (name.empty()) return absl::OkStatus();
  STEER_ASSIGN_OR_RETURN(const bool in_use, IsCheckpoint(*connection_, name));
  if (!in_use) checkpoints_.Remove(name);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> SqliteStore::LoadCheckpoint(int64_t number) {
  std::optional<std::string> name;
  absl::StatusOr<FileDescriptor> file = absl::NotFoundError("");
  {
    const MutexLock files(payload_mutex_);
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(name, CheckpointOf(*connection_, number));
    if (!name || name->empty()) return std::optional<std::string>();
    file = checkpoints_.Open(*name);
  }
  // Without it a run begins anew: that costs time and loses nothing.
  if (absl::IsNotFound(file.status())) return std::optional<std::string>();
  if (!file.ok()) return file.status();
  STEER_ASSIGN_OR_RETURN(std::string bytes, ReadFile(*file, checkpoints_.PathOf(*name)));
  if (Sha256Hex(bytes) != *name) return std::optional<std::string>();
  return std::optional<std::string>(std::move(bytes));
}

}  // namespace steer

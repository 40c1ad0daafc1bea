#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "core/store/file_io.h"
#include "core/store/page_token.h"
#include "core/store/payload_folder.h"
#include "core/store/signal_store.h"
#include "core/store/sqlite_connection.h"

namespace steer {

// See OpenSqliteStore. Thread-safe.
class SqliteStore : public SignalStore {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& directory);

  absl::StatusOr<PutResult> Put(const SignalData& signal, std::map<std::string, std::string> labels,
                                std::string description) override;
  absl::Status SetProvenance(absl::string_view id, const std::string& provenance) override;
  absl::StatusOr<SignalRecord> Get(absl::string_view id_or_alias) override;
  absl::StatusOr<SignalData> Load(absl::string_view id) override;
  absl::StatusOr<Page<SignalRecord>> List(int page_size, absl::string_view page_token) override;
  absl::Status Delete(absl::string_view id, bool with_aliases) override;
  absl::StatusOr<AliasRecord> SetAlias(absl::string_view name, absl::string_view signal_id,
                                       std::optional<int64_t> expected_version) override;
  absl::Status DeleteAlias(absl::string_view name) override;
  absl::StatusOr<Page<AliasRecord>> ListAliases(int page_size,
                                                absl::string_view page_token) override;
  absl::StatusOr<CurveRecord> PutCurve(CurveRecord curve) override;
  absl::StatusOr<CurveRecord> GetCurve(absl::string_view id) override;
  absl::StatusOr<Page<CurveRecord>> ListCurves(absl::string_view signal_id, int page_size,
                                               absl::string_view page_token) override;
  absl::Status DeleteCurve(absl::string_view id) override;
  absl::StatusOr<ProbeSet> PutProbeSet(ProbeSet set) override;
  absl::StatusOr<std::vector<ProbeSet>> ListProbeSets() override;
  absl::Status DeleteProbeSet(absl::string_view signal) override;
  absl::StatusOr<ProbeRun> AddProbeRun(ProbeRun run) override;
  absl::StatusOr<std::optional<ProbeRun>> FirstProbeRun(absl::string_view signal) override;
  absl::StatusOr<Page<ProbeRun>> ListProbeRuns(absl::string_view signal, int page_size,
                                               absl::string_view page_token) override;
  absl::StatusOr<DatasetRecord> PutDataset(std::string content, int64_t rows,
                                           const std::string& name,
                                           std::string description) override;
  absl::StatusOr<DatasetRecord> GetDataset(absl::string_view id_or_name) override;
  absl::StatusOr<std::string> LoadDataset(absl::string_view id) override;
  absl::StatusOr<Page<DatasetRecord>> ListDatasets(int page_size,
                                                   absl::string_view page_token) override;
  absl::Status DeleteDataset(absl::string_view id) override;
  absl::StatusOr<int64_t> AddJob(const std::string& definition, const std::string& record) override;
  absl::Status UpdateJob(int64_t number, const std::string& record, bool finished) override;
  absl::StatusOr<std::vector<KeptJob>> ListJobs() override;
  absl::Status PutCheckpoint(int64_t number, absl::string_view bytes) override;
  absl::StatusOr<std::optional<std::string>> LoadCheckpoint(int64_t number) override;

 private:
  SqliteStore(const std::string& directory, FileDescriptor lock,
              std::unique_ptr<SqliteConnection> connection, std::string secret);

  // The record of a signal whose payload is sound.
  absl::StatusOr<std::optional<SignalRecord>> FindSound(const std::string& id);
  // Makes a temporary file known as the payload of `record`.
  absl::StatusOr<PutResult> Publish(const std::string& temporary, SignalRecord record);
  absl::Status Insert(const SignalRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RemoveLeftovers();
  // The file of a checkpoint that a job no longer names, unless another does.
  absl::Status ForgetCheckpoint(const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(payload_mutex_, mutex_);

  const FileDescriptor lock_;
  const PageTokens page_tokens_;
  // Held while a file and the row that names it change together, so that a Delete cannot remove the
  // file that a Put of the same content has just made.
  Mutex payload_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  PayloadFolder payloads_;
  PayloadFolder checkpoints_;
  // One connection: SQLite has one writer anyway, and reads take microseconds. The mutex covers
  // whole transactions, which the connection's own lock would not. Nothing slow happens under it
  // but the commit, and the copying of a curve's losses, which kMaxCurveLosses bounds.
  Mutex mutex_;
  const std::unique_ptr<SqliteConnection> connection_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace steer

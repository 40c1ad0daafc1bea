#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/signal/signal_data.h"
#include "core/store/curve_record.h"
#include "core/store/dataset_record.h"
#include "core/store/kept_job.h"
#include "core/store/probe_record.h"

namespace steer {

// What the store knows of a signal besides its payload. The id names the payload's canonical form.
struct SignalRecord {
  std::string id;  // 64 hex digits
  SignalKind kind = SignalKind::kVector;
  std::vector<std::string> sites;  // "layers.14.block_out"
  ModelMarks marks;
  double default_multiplier = 1.0;
  PositionRule default_positions;
  int64_t payload_bytes = 0;
  int64_t created_unix_ms = 0;
  std::map<std::string, std::string> labels;  // free annotations, within the limits below
  std::string description;
  std::string provenance;            // of a signal that was learnt here: JSON, how; else empty
  std::vector<std::string> aliases;  // names that point here now, sorted
};

struct AliasRecord {
  std::string name;
  std::string signal_id;
  int64_t version = 0;  // starts at 1, grows by one with every move, also across DeleteAlias
  int64_t updated_unix_ms = 0;
};

template <typename T>
struct Page {
  std::vector<T> items;
  std::string next_page_token;  // empty on the last page
};

// Limits of annotations; all of it is UTF-8.
inline constexpr size_t kMaxLabels = 32;
inline constexpr size_t kMaxLabelKeyBytes = 64;  // at least 1
inline constexpr size_t kMaxLabelValueBytes = 256;
inline constexpr size_t kMaxDescriptionBytes = 4096;

// Signals, aliases, annotations, dose curves, probes, data sets and learning jobs, durable: when a
// writing call returns OK its effect survives kill -9 and power loss. Thread-safe. Names of
// aliases: 1 to 128 characters of [A-Za-z0-9._/-], not 64 hex digits (those are ids).
class SignalStore {
 public:
  virtual ~SignalStore() = default;

  struct PutResult {
    SignalRecord record;
    bool existed = false;
  };
  // Stores a validated signal under its id; with `existed` if it was there already (labels and
  // description then stay as they were, a damaged payload is replaced). INVALID_ARGUMENT for labels
  // or a description beyond the limits. RESOURCE_EXHAUSTED if the disk is full, UNAVAILABLE if the
  // store cannot be written; nothing is then kept.
  virtual absl::StatusOr<PutResult> Put(const SignalData& signal,
                                        std::map<std::string, std::string> labels,
                                        std::string description) = 0;

  // Says how a signal came to be, unless that is known. NOT_FOUND.
  virtual absl::Status SetProvenance(absl::string_view id, const std::string& provenance) = 0;

  // By id or alias. NOT_FOUND.
  virtual absl::StatusOr<SignalRecord> Get(absl::string_view id_or_alias) = 0;
  // The payload. NOT_FOUND; DATA_LOSS, naming the file, if it no longer matches its id.
  virtual absl::StatusOr<SignalData> Load(absl::string_view id) = 0;
  // Newest first. `page_size` 1..1000. INVALID_ARGUMENT for a page token this store did not make.
  // Signals that come while a caller pages change none of its later pages.
  virtual absl::StatusOr<Page<SignalRecord>> List(int page_size, absl::string_view page_token) = 0;
  // With its curves and probes. NOT_FOUND; FAILED_PRECONDITION while aliases point to it, unless
  // `with_aliases`, which removes them too.
  virtual absl::Status Delete(absl::string_view id, bool with_aliases) = 0;

  // Creates or moves an alias atomically. With `expected_version` (0 = must not exist yet) the move
  // happens only if the alias still has that version: ABORTED otherwise. NOT_FOUND if there is no
  // such signal.
  virtual absl::StatusOr<AliasRecord> SetAlias(absl::string_view name, absl::string_view signal_id,
                                               std::optional<int64_t> expected_version) = 0;
  virtual absl::Status DeleteAlias(absl::string_view name) = 0;
  // By name.
  virtual absl::StatusOr<Page<AliasRecord>> ListAliases(int page_size,
                                                        absl::string_view page_token) = 0;

  // Stores a curve and sets its id and time. The same content again keeps both and its place in the
  // lists, and repairs damage. INVALID_ARGUMENT as ValidateCurve; NOT_FOUND if a signal of it is
  // gone.
  virtual absl::StatusOr<CurveRecord> PutCurve(CurveRecord curve) = 0;
  // NOT_FOUND; DATA_LOSS if it no longer matches its id.
  virtual absl::StatusOr<CurveRecord> GetCurve(absl::string_view id) = 0;
  // Without losses; of one signal, those with another included, or of all if `signal_id` is empty.
  // Pages are as in List.
  virtual absl::StatusOr<Page<CurveRecord>> ListCurves(absl::string_view signal_id, int page_size,
                                                       absl::string_view page_token) = 0;
  virtual absl::Status DeleteCurve(absl::string_view id) = 0;

  // Replaces the signal's probe set and forgets its runs. Whether there is such a signal is not
  // asked: an alias may come back.
  virtual absl::StatusOr<ProbeSet> PutProbeSet(ProbeSet set) = 0;
  virtual absl::StatusOr<std::vector<ProbeSet>> ListProbeSets() = 0;  // by signal
  // With its runs. NOT_FOUND.
  virtual absl::Status DeleteProbeSet(absl::string_view signal) = 0;
  // Sets its time. NOT_FOUND without the probe set or the version that was measured. Old runs are
  // removed: see kKeptProbeRuns.
  virtual absl::StatusOr<ProbeRun> AddProbeRun(ProbeRun run) = 0;
  virtual absl::StatusOr<std::optional<ProbeRun>> FirstProbeRun(absl::string_view signal) = 0;
  // Newest first. NOT_FOUND without the probe set. Pages are as in List.
  virtual absl::StatusOr<Page<ProbeRun>> ListProbeRuns(absl::string_view signal, int page_size,
                                                       absl::string_view page_token) = 0;

  // Stores content under its hash; the same again keeps its time and description, and repairs
  // damage. A name moves here from the data set that had it; an empty one changes nothing.
  // INVALID_ARGUMENT for a bad name or description or more than kMaxDatasetBytes.
  virtual absl::StatusOr<DatasetRecord> PutDataset(std::string content, int64_t rows,
                                                   const std::string& name,
                                                   std::string description) = 0;
  // By id or name. NOT_FOUND.
  virtual absl::StatusOr<DatasetRecord> GetDataset(absl::string_view id_or_name) = 0;
  // NOT_FOUND; DATA_LOSS if it no longer matches its id.
  virtual absl::StatusOr<std::string> LoadDataset(absl::string_view id) = 0;
  // Newest first. Pages are as in List.
  virtual absl::StatusOr<Page<DatasetRecord>> ListDatasets(int page_size,
                                                           absl::string_view page_token) = 0;
  virtual absl::Status DeleteDataset(absl::string_view id) = 0;

  // The job's number.
  virtual absl::StatusOr<int64_t> AddJob(const std::string& definition,
                                         const std::string& record) = 0;
  // What is told about it now. Once `finished` its definition and its checkpoint are forgotten, and
  // old finished jobs with it: see kKeptFinishedJobs. NOT_FOUND.
  virtual absl::Status UpdateJob(int64_t number, const std::string& record, bool finished) = 0;
  virtual absl::StatusOr<std::vector<KeptJob>> ListJobs() = 0;  // oldest first
  // From where an unfinished job can go on; replaces the one before. NOT_FOUND.
  virtual absl::Status PutCheckpoint(int64_t number, absl::string_view bytes) = 0;
  // nullopt if there is none, or if it no longer is what was put.
  virtual absl::StatusOr<std::optional<std::string>> LoadCheckpoint(int64_t number) = 0;
};

// Metadata in <directory>/signals.db (SQLite, WAL, synchronous=FULL), payloads in
// <directory>/payloads/<id>.safetensors, checkpoints likewise beside them. A payload is written to
// a temporary name, fsynced, renamed and its folder fsynced before the transaction that makes it
// known; left-over temporary files and payloads without a row are removed at the start. The
// directory is made if missing. FAILED_PRECONDITION if another store has it open (one per
// directory), if it cannot be written, if a newer version wrote it, or if it holds payloads but no
// database; DATA_LOSS if the database is damaged.
absl::StatusOr<std::unique_ptr<SignalStore>> OpenSqliteStore(const std::string& directory);

}  // namespace steer

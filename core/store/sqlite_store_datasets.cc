// The data sets of SqliteStore.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/sha256.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/store/dataset_table.h"
#include "core/store/limits.h"
#include "core/store/sqlite_store.h"

namespace steer {
namespace {

constexpr char kDatasetList[] = "datasets";

absl::Status NoDataset(absl::string_view id_or_name) {
  return NotFound("dataset", "data set", id_or_name);
}

}  // namespace

absl::StatusOr<DatasetRecord> SqliteStore::PutDataset(std::string content, int64_t rows,
                                                      const std::string& name,
                                                      std::string description) {
  STEER_RETURN_IF_ERROR(CheckAnnotations({}, description));
  if (!name.empty()) STEER_RETURN_IF_ERROR(CheckAliasName(name));
  const auto bytes = static_cast<int64_t>(content.size());
  if (bytes > kMaxDatasetBytes) {
    return InvalidField("dataset", absl::StrCat(bytes, " bytes"),
                        absl::StrCat("at most ", kMaxDatasetBytes));
  }
  const DatasetRecord record{.id = Sha256Hex(content),
                             .rows = rows,
                             .bytes = bytes,
                             .created_unix_ms = UnixMillis(),
                             .description = std::move(description)};
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_RETURN_IF_ERROR(WriteDataset(*connection_, record, content));
  if (!name.empty()) STEER_RETURN_IF_ERROR(MoveDatasetName(*connection_, name, record.id));
  STEER_ASSIGN_OR_RETURN(std::optional<DatasetRecord> put, FindDataset(*connection_, record.id));
  if (!put) return absl::InternalError("a data set that was written is not there");
  STEER_RETURN_IF_ERROR(transaction->Commit());
  return *std::move(put);
}

absl::StatusOr<DatasetRecord> SqliteStore::GetDataset(absl::string_view id_or_name) {
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(std::optional<DatasetRecord> record,
                         FindDataset(*connection_, id_or_name));
  if (!record) return NoDataset(id_or_name);
  return *std::move(record);
}

absl::StatusOr<std::string> SqliteStore::LoadDataset(absl::string_view id) {
  std::optional<std::string> content;
  {
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(content, ContentOf(*connection_, id));
  }
  if (!content) return NoDataset(id);
  if (const std::string now = Sha256Hex(*content); now != id) {
    return FieldError(absl::StatusCode::kDataLoss,
                      {"DATASET_DAMAGED", absl::StrCat("data set ", id),
                       absl::StrCat("content with the hash ", now),
                       "what was uploaded; uploading that again repairs it"});
  }
  return *std::move(content);
}

absl::StatusOr<Page<DatasetRecord>> SqliteStore::ListDatasets(int page_size,
                                                              absl::string_view page_token) {
  STEER_RETURN_IF_ERROR(CheckPageSize(page_size));
  STEER_ASSIGN_OR_RETURN(const int64_t before, page_tokens_.ReadNumber(kDatasetList, page_token));
  std::vector<NumberedDataset> rows;
  {
    const MutexLock lock(mutex_);
    STEER_ASSIGN_OR_RETURN(rows, DatasetsBefore(*connection_, before, int64_t{page_size} + 1));
  }
  Page<DatasetRecord> page;
  if (rows.size() > static_cast<size_t>(page_size)) {
    rows.pop_back();
    page.next_page_token = page_tokens_.Make(kDatasetList, absl::StrCat(rows.back().seq));
  }
  for (NumberedDataset& row : rows) page.items.push_back(std::move(row.record));
  return page;
}

absl::Status SqliteStore::DeleteDataset(absl::string_view id) {
  const MutexLock lock(mutex_);
  STEER_ASSIGN_OR_RETURN(const auto transaction, SqliteTransaction::Begin(*connection_));
  STEER_ASSIGN_OR_RETURN(const bool existed, RemoveDataset(*connection_, id));
  if (!existed) return NoDataset(id);
  return transaction->Commit();
}

}  // namespace steer

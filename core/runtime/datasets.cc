#include "core/runtime/datasets.h"

#include <utility>

#include "core/base/status_macros.h"

namespace steer {

absl::StatusOr<DatasetRecord> Datasets::Put(absl::string_view file, const DatasetReading& reading,
                                            const std::string& name, std::string description) {
  STEER_ASSIGN_OR_RETURN(const std::vector<DatasetRow> rows, ParseDataset(file, reading));
  return store_.PutDataset(ToText(rows), static_cast<int64_t>(rows.size()), name,
                           std::move(description));
}

absl::StatusOr<Datasets::Rows> Datasets::Read(const DatasetSelection& selection) const {
  STEER_ASSIGN_OR_RETURN(const DatasetRecord record, store_.GetDataset(selection.dataset));
  STEER_ASSIGN_OR_RETURN(const std::string text, store_.LoadDataset(record.id));
  STEER_ASSIGN_OR_RETURN(std::vector<DatasetRow> rows, FromText(text));
  STEER_ASSIGN_OR_RETURN(rows, Select(std::move(rows), selection));
  STEER_ASSIGN_OR_RETURN(std::vector<PolarPair> pairs, ToPairs(std::move(rows)));
  return Rows{record.id, std::move(pairs)};
}

}  // namespace steer

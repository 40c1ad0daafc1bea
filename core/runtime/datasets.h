#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/learn/dataset.h"
#include "core/store/signal_store.h"

namespace steer {

// Data sets in the store. Thread-safe.
class Datasets {
 public:
  explicit Datasets(SignalStore* store) : store_(*store) {}

  // INVALID_ARGUMENT as ParseDataset and SignalStore::PutDataset.
  absl::StatusOr<DatasetRecord> Put(absl::string_view file, const DatasetReading& reading,
                                    const std::string& name, std::string description);

  struct Rows {
    std::string id;  // of the data set
    std::vector<PolarPair> pairs;
  };
  // What `selection` means now. NOT_FOUND; INVALID_ARGUMENT as Select and ToPairs.
  absl::StatusOr<Rows> Read(const DatasetSelection& selection) const;

 private:
  SignalStore& store_;
};

}  // namespace steer

#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/learn/job_record.h"
#include "core/store/signal_store.h"

namespace steer {

// How far a job has come, for when the process ends before it: a safetensors file in the store,
// whose metadata says what is done and whose tensors are those of the run under way. Not
// thread-safe.
class JobCheckpoint {
 public:
  // Reads what there is. A checkpoint of other weights, or a damaged one, counts as none.
  JobCheckpoint(SignalStore* store, const std::string& job_id, std::string model_fingerprint);

  const std::vector<LayerOutcome>& layers() const { return layers_; }  // of a search, done
  const std::string& run() const { return run_; }  // the file, if it has tensors; else empty

  // The metadata that whoever writes the file puts into it.
  std::map<std::string, std::string> notes() const;
  absl::Status Save(absl::string_view file);
  // A layer is done, and with it its run.
  absl::Status Add(LayerOutcome layer);

 private:
  SignalStore& store_;
  const int64_t number_;
  const std::string model_fingerprint_;
  std::vector<LayerOutcome> layers_;
  std::string run_;
};

}  // namespace steer

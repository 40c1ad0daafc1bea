#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/learn/job_queue.h"
#include "core/store/signal_store.h"

namespace steer {

// Writes jobs down in the store. A job's id is "job-<its number there>". Thread-safe.
class StoreJobLog final : public JobLog {
 public:
  explicit StoreJobLog(SignalStore* store) : store_(*store) {}

  absl::StatusOr<std::string> Add(const JobRecord& record, const std::string& definition) override;
  absl::Status Update(const JobRecord& record) override;

  // What an unfinished job was to do.
  struct Entry {
    JobRecord record;
    std::string definition;
  };
  // Oldest first. A damaged record is one of a job that has failed, and says so.
  absl::StatusOr<std::vector<Entry>> Read();

 private:
  SignalStore& store_;
};

// Of an id that the log gave out.
int64_t NumberOfJob(absl::string_view id);

}  // namespace steer

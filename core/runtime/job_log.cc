#include "core/runtime/job_log.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr absl::string_view kPrefix = "job-";

}  // namespace

int64_t NumberOfJob(absl::string_view id) {
  int64_t number = 0;
  return absl::SimpleAtoi(absl::StripPrefix(id, kPrefix), &number) ? number : 0;
}

absl::StatusOr<std::string> StoreJobLog::Add(const JobRecord& record,
                                             const std::string& definition) {
  STEER_ASSIGN_OR_RETURN(const int64_t number, store_.AddJob(definition, ToJson(record)));
  return absl::StrCat(kPrefix, number);
}

absl::Status StoreJobLog::Update(const JobRecord& record) {
  return store_.UpdateJob(NumberOfJob(record.id), ToJson(record), Finished(record.state));
}

absl::StatusOr<std::vector<StoreJobLog::Entry>> StoreJobLog::Read() {
  STEER_ASSIGN_OR_RETURN(std::vector<KeptJob> jobs, store_.ListJobs());
  std::vector<Entry> entries;
  for (KeptJob& job : jobs) {
    const std::string id = absl::StrCat(kPrefix, job.number);
    absl::StatusOr<JobRecord> record = JobFromJson(id, job.record);
    if (!record.ok()) {
      record = JobRecord{.id = id, .state = JobState::kFailed, .status = record.status()};
      if (!job.finished) STEER_RETURN_IF_ERROR(Update(*record));
    }
    entries.push_back({*std::move(record), std::move(job.definition)});
  }
  return entries;
}

}  // namespace steer

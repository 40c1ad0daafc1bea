// The calls of steer_client.h about data sets and jobs.

#include <optional>
#include <utility>

#include "client/client_calls.h"
#include "client/client_impl.h"
#include "client/steer_client.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"

namespace steer {

using Learning = v1::LearningService::StubInterface;

absl::StatusOr<v1::Dataset> Client::UploadDataset(absl::string_view file,
                                                  v1::UploadDatasetHeader header) {
  header.set_size(static_cast<int64_t>(file.size()));
  header.set_sha256(Sha256Hex(file));
  Call call(impl_->options);
  v1::Dataset response;
  const auto writer = impl_->learning->UploadDataset(call.context(), &response);
  v1::UploadDatasetRequest message;
  *message.mutable_header() = std::move(header);
  SendFile(message, file, *writer);
  STEER_RETURN_IF_ERROR(call.Outcome(writer->Finish()));
  return response;
}

absl::StatusOr<v1::Dataset> Client::GetDataset(const std::string& name_or_id) {
  v1::GetDatasetRequest request;
  request.set_dataset(name_or_id);
  return Unary(impl_->options, *impl_->learning, &Learning::GetDataset, request);
}

absl::StatusOr<std::vector<v1::Dataset>> Client::ListDatasets() {
  return AllPages(impl_->options, *impl_->learning, &Learning::ListDatasets,
                  &v1::ListDatasetsResponse::mutable_datasets);
}

absl::Status Client::DeleteDataset(const std::string& id) {
  v1::DeleteDatasetRequest request;
  request.set_dataset_id(id);
  return Unary(impl_->options, *impl_->learning, &Learning::DeleteDataset, request).status();
}

absl::StatusOr<v1::Alias> Client::PromoteDraft(const v1::PromoteDraftRequest& request) {
  return Unary(impl_->options, *impl_->learning, &Learning::PromoteDraft, request);
}

absl::StatusOr<v1::Job> Client::StartJob(const v1::StartJobRequest& request) {
  return Unary(impl_->options, *impl_->learning, &Learning::StartJob, request);
}

absl::StatusOr<v1::Job> Client::GetJob(const std::string& id) {
  v1::GetJobRequest request;
  request.set_id(id);
  return Unary(impl_->options, *impl_->learning, &Learning::GetJob, request);
}

absl::StatusOr<v1::Job> Client::WatchJob(const std::string& id, const OnJob& on_change,
                                         std::stop_token stop) {
  Call call(impl_->options, std::move(stop));
  v1::WatchJobRequest request;
  request.set_id(id);
  const auto reader = impl_->learning->WatchJob(call.context(), request);
  std::optional<v1::Job> last;
  STEER_RETURN_IF_ERROR(ReadAll(call, *reader, [&](const v1::Job& job) {
    last = job;
    return on_change(job);
  }));
  if (!last) return absl::DataLossError("the stream ended without a job");
  return *std::move(last);
}

absl::StatusOr<std::vector<v1::Job>> Client::ListJobs() {
  return AllPages(impl_->options, *impl_->learning, &Learning::ListJobs,
                  &v1::ListJobsResponse::mutable_jobs);
}

absl::StatusOr<v1::Job> Client::CancelJob(const std::string& id) {
  v1::CancelJobRequest request;
  request.set_id(id);
  return Unary(impl_->options, *impl_->learning, &Learning::CancelJob, request);
}

}  // namespace steer

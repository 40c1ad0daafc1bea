#include "server/learning_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/answers.h"
#include "server/convert.h"
#include "server/dataset_upload.h"
#include "server/unary.h"
#include "server/worker_stream.h"

namespace steer {
namespace {

// The token of a page is the id of the last job on the page before it.
absl::Status ListPage(const std::vector<JobRecord>& jobs, const v1::ListJobsRequest& request,
                      v1::ListJobsResponse* response) {
  STEER_ASSIGN_OR_RETURN(const int page_size, ToPageSize(request.page_size()));
  auto next = jobs.begin();
  if (!request.page_token().empty()) {
    next = std::find_if(jobs.begin(), jobs.end(),
                        [&](const JobRecord& job) { return job.id == request.page_token(); });
    if (next == jobs.end()) {
      return InvalidField("page_token", Quoted(request.page_token()),
                          "the next_page_token of an answer, whose jobs are still remembered");
    }
    ++next;
  }
  while (next != jobs.end() && response->jobs_size() < page_size) {
    *response->add_jobs() = ToProto(*next++);
  }
  if (next != jobs.end()) {
    response->set_next_page_token(response->jobs(response->jobs_size() - 1).id());
  }
  return absl::OkStatus();
}

void Watch(Backend& backend, const std::string& id, WorkerStream<v1::Job>* stream) {
  const absl::Status status = backend.runtime.jobs().Watch(
      id, [&](const JobRecord& job) { return stream->Write(ToProto(job)); },
      [&] { return stream->cancelled() || backend.draining; });
  const bool cut = backend.draining && !stream->cancelled() && !status.ok();
  stream->End(cut ? absl::UnavailableError("the server is draining; ask again elsewhere") : status);
}

absl::Status Promote(Backend& backend, const v1::PromoteDraftRequest& request,
                     v1::Alias* response) {
  STEER_RETURN_IF_ERROR(CheckAliasName("alias", request.alias()));
  std::optional<int64_t> expected;
  if (request.has_expected_version()) expected = request.expected_version();
  SignalStore& store = backend.runtime.signals();
  const std::string draft = DraftOf(request.alias());
  const absl::StatusOr<SignalRecord> signal = store.Get(draft);
  if (absl::IsNotFound(signal.status())) return NotFound("alias", "draft", draft);
  STEER_RETURN_IF_ERROR(signal.status());
  STEER_ASSIGN_OR_RETURN(const AliasRecord alias,
                         store.SetAlias(request.alias(), signal->id, expected));
  STEER_RETURN_IF_ERROR(store.DeleteAlias(draft));
  backend.metrics->ForgetAlias(draft);
  *response = ToProto(alias);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerReadReactor<v1::UploadDatasetRequest>* LearningService::UploadDataset(
    grpc::CallbackServerContext* context, v1::Dataset* response) {
  return new DatasetUpload(&backend_, context, response);
}

grpc::ServerUnaryReactor* LearningService::GetDataset(grpc::CallbackServerContext* context,
                                                      const v1::GetDatasetRequest* request,
                                                      v1::Dataset* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const DatasetRecord record,
                           backend_.runtime.signals().GetDataset(request->dataset()));
    *response = ToProto(record);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LearningService::ListDatasets(grpc::CallbackServerContext* context,
                                                        const v1::ListDatasetsRequest* request,
                                                        v1::ListDatasetsResponse* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const int page_size, ToPageSize(request->page_size()));
    STEER_ASSIGN_OR_RETURN(const Page<DatasetRecord> page, backend_.runtime.signals().ListDatasets(
                                                               page_size, request->page_token()));
    for (const DatasetRecord& record : page.items) *response->add_datasets() = ToProto(record);
    response->set_next_page_token(page.next_page_token);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LearningService::DeleteDataset(grpc::CallbackServerContext* context,
                                                         const v1::DeleteDatasetRequest* request,
                                                         v1::DeleteDatasetResponse*) {
  return RunUnary(backend_.calls, context, [this, request]() -> absl::Status {
    STEER_RETURN_IF_ERROR(CheckId("dataset_id", request->dataset_id()));
    return backend_.runtime.DeleteDataset(request->dataset_id());
  });
}

grpc::ServerUnaryReactor* LearningService::PromoteDraft(grpc::CallbackServerContext* context,
                                                        const v1::PromoteDraftRequest* request,
                                                        v1::Alias* response) {
  return RunUnary(backend_.calls, context,
                  [this, request, response] { return Promote(backend_, *request, response); });
}

grpc::ServerUnaryReactor* LearningService::StartJob(grpc::CallbackServerContext* context,
                                                    const v1::StartJobRequest* request,
                                                    v1::Job* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(LearnSpec spec, ToLearnSpec(*request));
    STEER_ASSIGN_OR_RETURN(const JobRecord job, backend_.runtime.StartJob(std::move(spec)));
    *response = ToProto(job);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LearningService::GetJob(grpc::CallbackServerContext* context,
                                                  const v1::GetJobRequest* request,
                                                  v1::Job* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const JobRecord job, backend_.runtime.jobs().Get(request->id()));
    *response = ToProto(job);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::Job>* LearningService::WatchJob(grpc::CallbackServerContext* context,
                                                             const v1::WatchJobRequest* request) {
  auto* const stream = new WorkerStream<v1::Job>(context);
  const absl::Status posted =
      backend_.watches.Post([this, id = request->id(), stream] { Watch(backend_, id, stream); });
  if (!posted.ok()) stream->End(posted);
  return stream;
}

grpc::ServerUnaryReactor* LearningService::ListJobs(grpc::CallbackServerContext* context,
                                                    const v1::ListJobsRequest* request,
                                                    v1::ListJobsResponse* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    return ListPage(backend_.runtime.jobs().List(), *request, response);
  });
}

grpc::ServerUnaryReactor* LearningService::CancelJob(grpc::CallbackServerContext* context,
                                                     const v1::CancelJobRequest* request,
                                                     v1::Job* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const JobRecord job, backend_.runtime.jobs().Cancel(request->id()));
    *response = ToProto(job);
    return absl::OkStatus();
  });
}

}  // namespace steer

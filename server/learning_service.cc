#include "server/learning_service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/answers.h"
#include "server/convert.h"
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

}  // namespace

grpc::ServerUnaryReactor* LearningService::StartJob(grpc::CallbackServerContext* context,
                                                    const v1::StartJobRequest* request,
                                                    v1::Job* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const LearnSpec spec, ToLearnSpec(*request));
    STEER_ASSIGN_OR_RETURN(const JobRecord job, backend_.runtime.StartJob(spec));
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

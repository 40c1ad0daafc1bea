#include "server/generation_service.h"

#include <chrono>

#include "core/base/status_macros.h"
#include "server/answers.h"
#include "server/convert.h"
#include "server/stream_reactor.h"
#include "server/unary.h"

namespace steer {
namespace {

// A call without a deadline must not hold its row for ever.
constexpr std::chrono::minutes kDefaultDeadline{10};

Clock::time_point DeadlineOf(const grpc::CallbackServerContext& context) {
  using std::chrono::system_clock;
  const system_clock::time_point deadline = context.deadline();
  if (deadline == system_clock::time_point::max()) return Clock::now() + kDefaultDeadline;
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(deadline - system_clock::now());
}

absl::StatusOr<Admitted> Submit(Backend& backend, const v1::GenerateRequest& request,
                                Clock::time_point deadline,
                                const std::shared_ptr<GenerationStream>& stream) {
  if (stream->cancelled()) return absl::CancelledError("the caller has left");
  STEER_ASSIGN_OR_RETURN(GenerateSpec spec, ToGenerateSpec(request));
  spec.deadline = deadline;
  return backend.runtime.Generate(spec, stream->Sinks(spec.n));
}

void Admit(Backend& backend, const v1::GenerateRequest& request, Clock::time_point deadline,
           const std::shared_ptr<GenerationStream>& stream) {
  absl::StatusOr<Admitted> admitted = Submit(backend, request, deadline, stream);
  if (!admitted.ok()) {
    stream->Refuse(admitted.status());
    return;
  }
  std::vector<std::string> labels;
  for (const ResolvedControl& control : admitted->controls) {
    labels.push_back(backend.LabelOf(control));
  }
  stream->Admit(*std::move(admitted), std::move(labels));
}

}  // namespace

grpc::ServerWriteReactor<v1::GenerateResponse>* GenerationService::Generate(
    grpc::CallbackServerContext* context, const v1::GenerateRequest* request) {
  const auto stream = std::make_shared<GenerationStream>(&backend_.runtime, backend_.metrics,
                                                         &backend_.stream_writer, context);
  stream->Open();
  // Tokenising a prompt and fetching a signal take time, so not here.
  const absl::Status posted =
      backend_.admissions.Post([this, request, stream, deadline = DeadlineOf(*context)] {
        Admit(backend_, *request, deadline, stream);
      });
  if (!posted.ok()) stream->Refuse(posted);
  return stream.get();
}

grpc::ServerUnaryReactor* GenerationService::UpdateGeneration(
    grpc::CallbackServerContext* context, const v1::UpdateGenerationRequest* request,
    v1::UpdateGenerationResponse* response) {
  // The engine answers between two steps.
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const MultiplierUpdate update, ToMultiplierUpdate(*request));
    STEER_ASSIGN_OR_RETURN(
        const std::vector<UpdatedCompletion> completions,
        backend_.runtime.UpdateGeneration(update.request_id, update.signal, update.multiplier,
                                          update.bias_multiplier));
    for (const UpdatedCompletion& completion : completions) {
      *response->add_completions() = ToProto(completion);
    }
    return absl::OkStatus();
  });
}

}  // namespace steer

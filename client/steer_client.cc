#include "client/steer_client.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/call_status.h"
#include "core/base/sha256.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "steer/v1/analysis.grpc.pb.h"
#include "steer/v1/generation.grpc.pb.h"
#include "steer/v1/learning.grpc.pb.h"
#include "steer/v1/model.grpc.pb.h"
#include "steer/v1/signal.grpc.pb.h"

namespace steer {
namespace {

constexpr size_t kChunkBytes = size_t{1024} * 1024;  // the most that RegisterSignal takes
constexpr int kPageSize = 1000;

std::chrono::system_clock::time_point After(double seconds) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(
             std::chrono::duration<double>(seconds));
}

// One call: its context, cancelled when `stop` is.
class Call {
 public:
  explicit Call(const ClientOptions& options, std::stop_token stop = {})
      : on_stop_(std::move(stop), [this] { context_.TryCancel(); }) {
    if (options.call_seconds > 0) context_.set_deadline(After(options.call_seconds));
  }

  grpc::ClientContext* context() { return &context_; }
  absl::Status Outcome(const grpc::Status& status) const {
    return ToStatus(status, context_.GetServerTrailingMetadata());
  }

 private:
  grpc::ClientContext context_;
  std::stop_callback<std::function<void()>> on_stop_;
};

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Unary(const ClientOptions& options, Stub& stub,
                               grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                               const std::type_identity_t<Request>& request) {
  Call call(options);
  Response response;
  STEER_RETURN_IF_ERROR(call.Outcome((stub.*method)(call.context(), request, &response)));
  return response;
}

// Every page of a list call; `items` is the field of the answer that holds them.
template <typename Stub, typename Request, typename Response, typename Item>
absl::StatusOr<std::vector<Item>> AllPages(
    const ClientOptions& options, Stub& stub,
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    google::protobuf::RepeatedPtrField<Item>* (Response::*items)()) {
  std::vector<Item> all;
  Request request;
  request.set_page_size(kPageSize);
  do {
    STEER_ASSIGN_OR_RETURN(Response page, Unary(options, stub, method, request));
    std::move((page.*items)()->begin(), (page.*items)()->end(), std::back_inserter(all));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

// Reads a stream to its end, or until `on_event` says no.
template <typename Event, typename OnEvent>
absl::Status ReadAll(Call& call, grpc::ClientReaderInterface<Event>& reader,
                     const OnEvent& on_event) {
  Event event;
  bool wanted = true;
  while (reader.Read(&event)) {
    if (wanted && !on_event(event)) {
      wanted = false;
      call.context()->TryCancel();
    }
  }
  absl::Status outcome = call.Outcome(reader.Finish());
  // The stream may have ended before the cancellation reached it.
  if (!wanted && outcome.ok()) return absl::CancelledError("stopped by the caller");
  return outcome;
}

}  // namespace

struct Client::Impl {
  Impl(ClientOptions client_options, const std::shared_ptr<grpc::Channel>& channel)
      : options(std::move(client_options)),
        health(channel),
        model(v1::ModelService::NewStub(channel)),
        generation(v1::GenerationService::NewStub(channel)),
        signals(v1::SignalService::NewStub(channel)),
        analysis(v1::AnalysisService::NewStub(channel)),
        learning(v1::LearningService::NewStub(channel)) {}

  const ClientOptions options;
  // On the wire, health's request is a string in field 1 and its answer an enum in field 1, which
  // are the two wrapper messages: Debian's gRPC ships no header of that service.
  grpc::TemplatedGenericStub<google::protobuf::StringValue, google::protobuf::Int32Value> health;
  const std::unique_ptr<v1::ModelService::StubInterface> model;
  const std::unique_ptr<v1::GenerationService::StubInterface> generation;
  const std::unique_ptr<v1::SignalService::StubInterface> signals;
  const std::unique_ptr<v1::AnalysisService::StubInterface> analysis;
  const std::unique_ptr<v1::LearningService::StubInterface> learning;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const ClientOptions& options) {
  if (options.address.find(':') == std::string::npos) {
    return InvalidField("server", absl::StrCat("'", options.address, "'"), "HOST:PORT");
  }
  grpc::ChannelArguments arguments;
  // Answers with per-pair scores of many pairs are larger than gRPC's default of 4 MiB.
  arguments.SetMaxReceiveMessageSize(std::numeric_limits<int>::max());
  // A steerd is reached directly: web proxies do not forward plain HTTP/2.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(), arguments);
  if (options.connect_seconds > 0 && !channel->WaitForConnected(After(options.connect_seconds))) {
    return absl::UnavailableError(absl::StrCat("no server answered at ", options.address,
                                               " within ", options.connect_seconds, " s"));
  }
  // The constructor is private.
  return std::unique_ptr<Client>(new Client(std::make_unique<Impl>(options, channel)));
}

absl::StatusOr<std::string> Client::Health(const std::string& service) {
  Call call(impl_->options);
  google::protobuf::StringValue request;
  google::protobuf::Int32Value response;
  request.set_value(service);
  std::promise<grpc::Status> outcome;
  impl_->health.UnaryCall(call.context(), "/grpc.health.v1.Health/Check", grpc::StubOptions(),
                          &request, &response,
                          [&](grpc::Status status) { outcome.set_value(std::move(status)); });
  STEER_RETURN_IF_ERROR(call.Outcome(outcome.get_future().get()));
  return response.value() == 1 ? "SERVING" : "NOT_SERVING";
}

absl::StatusOr<v1::Model> Client::GetModel() {
  return Unary(impl_->options, *impl_->model, &v1::ModelService::StubInterface::GetModel, {});
}

absl::StatusOr<v1::TokenizeResponse> Client::Tokenize(const v1::TokenizeRequest& request) {
  return Unary(impl_->options, *impl_->model, &v1::ModelService::StubInterface::Tokenize, request);
}

absl::StatusOr<std::string> Client::Detokenize(const v1::DetokenizeRequest& request) {
  STEER_ASSIGN_OR_RETURN(
      v1::DetokenizeResponse response,
      Unary(impl_->options, *impl_->model, &v1::ModelService::StubInterface::Detokenize, request));
  return std::move(*response.mutable_text());
}

absl::Status Client::Generate(const v1::GenerateRequest& request, const OnGeneration& on_event,
                              std::stop_token stop) {
  Call call(impl_->options, std::move(stop));
  const auto reader = impl_->generation->Generate(call.context(), request);
  return ReadAll(call, *reader, on_event);
}

absl::StatusOr<v1::UpdateGenerationResponse> Client::UpdateGeneration(
    const v1::UpdateGenerationRequest& request) {
  return Unary(impl_->options, *impl_->generation,
               &v1::GenerationService::StubInterface::UpdateGeneration, request);
}

absl::StatusOr<v1::RegisterSignalResponse> Client::UploadSignal(absl::string_view file,
                                                                const UploadOptions& options) {
  Call call(impl_->options);
  v1::RegisterSignalResponse response;
  const auto writer = impl_->signals->RegisterSignal(call.context(), &response);

  v1::RegisterSignalRequest message;
  v1::RegisterSignalHeader& header = *message.mutable_header();
  header.set_format(options.format);
  header.set_size(static_cast<int64_t>(file.size()));
  header.set_sha256(Sha256Hex(file));
  header.mutable_labels()->insert(options.labels.begin(), options.labels.end());
  header.set_description(options.description);
  header.set_alias(options.alias);
  // A refused write means that the server has answered already; Finish says what.
  bool open = writer->Write(message);
  for (size_t at = 0; open && at < file.size(); at += kChunkBytes) {
    const absl::string_view chunk = file.substr(at, kChunkBytes);
    message.set_chunk(chunk.data(), chunk.size());
    open = writer->Write(message);
  }
  writer->WritesDone();
  STEER_RETURN_IF_ERROR(call.Outcome(writer->Finish()));
  return response;
}

absl::StatusOr<v1::Signal> Client::GetSignal(const std::string& name_or_id) {
  v1::GetSignalRequest request;
  request.set_signal(name_or_id);
  return Unary(impl_->options, *impl_->signals, &v1::SignalService::StubInterface::GetSignal,
               request);
}

absl::StatusOr<std::vector<v1::Signal>> Client::ListSignals() {
  return AllPages(impl_->options, *impl_->signals, &v1::SignalService::StubInterface::ListSignals,
                  &v1::ListSignalsResponse::mutable_signals);
}

absl::Status Client::DeleteSignal(const std::string& id, bool with_aliases) {
  v1::DeleteSignalRequest request;
  request.set_signal_id(id);
  request.set_with_aliases(with_aliases);
  return Unary(impl_->options, *impl_->signals, &v1::SignalService::StubInterface::DeleteSignal,
               request)
      .status();
}

absl::StatusOr<v1::Alias> Client::SetAlias(const v1::SetAliasRequest& request) {
  return Unary(impl_->options, *impl_->signals, &v1::SignalService::StubInterface::SetAlias,
               request);
}

absl::Status Client::DeleteAlias(const std::string& name) {
  v1::DeleteAliasRequest request;
  request.set_name(name);
  return Unary(impl_->options, *impl_->signals, &v1::SignalService::StubInterface::DeleteAlias,
               request)
      .status();
}

absl::StatusOr<std::vector<v1::Alias>> Client::ListAliases() {
  return AllPages(impl_->options, *impl_->signals, &v1::SignalService::StubInterface::ListAliases,
                  &v1::ListAliasesResponse::mutable_aliases);
}

absl::StatusOr<v1::ScoreSummary> Client::Score(const v1::ScoreRequest& request,
                                               const OnPoint& on_point, std::stop_token stop) {
  Call call(impl_->options, std::move(stop));
  const auto reader = impl_->analysis->Score(call.context(), request);
  std::optional<v1::ScoreSummary> summary;
  STEER_RETURN_IF_ERROR(ReadAll(call, *reader, [&](const v1::ScoreResponse& response) {
    if (response.has_summary()) summary = response.summary();
    return !response.has_point() || on_point(response.point());
  }));
  if (!summary) return absl::DataLossError("the stream ended without a summary");
  return *std::move(summary);
}

absl::StatusOr<v1::Job> Client::StartJob(const v1::StartJobRequest& request) {
  return Unary(impl_->options, *impl_->learning, &v1::LearningService::StubInterface::StartJob,
               request);
}

absl::StatusOr<v1::Job> Client::GetJob(const std::string& id) {
  v1::GetJobRequest request;
  request.set_id(id);
  return Unary(impl_->options, *impl_->learning, &v1::LearningService::StubInterface::GetJob,
               request);
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
  return AllPages(impl_->options, *impl_->learning, &v1::LearningService::StubInterface::ListJobs,
                  &v1::ListJobsResponse::mutable_jobs);
}

absl::StatusOr<v1::Job> Client::CancelJob(const std::string& id) {
  v1::CancelJobRequest request;
  request.set_id(id);
  return Unary(impl_->options, *impl_->learning, &v1::LearningService::StubInterface::CancelJob,
               request);
}

}  // namespace steer

#include "client/steer_client.h"

#include <future>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/client_calls.h"
#include "client/client_impl.h"
#include "core/base/sha256.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace steer {
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
  SendFile(message, file, *writer);
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

}  // namespace steer

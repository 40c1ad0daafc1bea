#pragma once

#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

#include "client/call_status.h"
#include "client/steer_client.h"
#include "core/base/status_macros.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "steer/v1/analysis.grpc.pb.h"
#include "steer/v1/generation.grpc.pb.h"
#include "steer/v1/learning.grpc.pb.h"
#include "steer/v1/model.grpc.pb.h"
#include "steer/v1/signal.grpc.pb.h"

// The insides of steer_client.h, for the files that implement it.
namespace steer {

inline constexpr int kPageSize = 1000;

inline std::chrono::system_clock::time_point After(double seconds) {
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

// Every page of a list call, with the other fields of `request`; `items` is the field of the answer
// that holds them.
template <typename Stub, typename Request, typename Response, typename Item>
absl::StatusOr<std::vector<Item>> AllPages(
    const ClientOptions& options, Stub& stub,
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    google::protobuf::RepeatedPtrField<Item>* (Response::*items)(),
    std::type_identity_t<Request> request = {}) {
  std::vector<Item> all;
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

}  // namespace steer

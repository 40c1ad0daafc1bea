#pragma once

#include <chrono>
#include <functional>
#include <iterator>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

#include "client/call_status.h"
#include "client/steer_client.h"
#include "core/base/status_macros.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"

// How the files that implement steer_client.h call.
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

// Writes `message`, which has a header, and then the file in chunks. A refused write means that the
// server has answered already; Finish says what.
template <typename Message>
void SendFile(Message& message, absl::string_view file,
              grpc::ClientWriterInterface<Message>& writer) {
  constexpr size_t kChunkBytes = size_t{1024} * 1024;  // the most that the server takes
  bool open = writer.Write(message);
  for (size_t at = 0; open && at < file.size(); at += kChunkBytes) {
    const absl::string_view chunk = file.substr(at, kChunkBytes);
    message.set_chunk(chunk.data(), chunk.size());
    open = writer.Write(message);
  }
  writer.WritesDone();
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

}  // namespace steer

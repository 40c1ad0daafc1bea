#pragma once

#include <utility>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/grpc_status.h"
#include "server/work_queue.h"

namespace steer {

// Runs `work`, an absl::Status() that may block, on `queue` and ends the call with what it returns.
// Request and response live until then.
template <typename Work>
grpc::ServerUnaryReactor* RunUnary(WorkQueue& queue, grpc::CallbackServerContext* context,
                                   Work work) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::Status posted = queue.Post([context, reactor, work = std::move(work)] {
    const absl::Status status =
        context->IsCancelled() ? absl::CancelledError("the caller has left") : work();
    reactor->Finish(ToGrpcStatus(status, *context));
  });
  if (!posted.ok()) reactor->Finish(ToGrpcStatus(posted, *context));
  return reactor;
}

}  // namespace steer

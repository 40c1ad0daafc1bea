#pragma once

#include <atomic>
#include <memory>

#include "grpcpp/support/server_interceptor.h"
#include "server/metrics.h"

namespace steer {

// Calls of steer.v1 that have not ended, those left out that only watch. Draining waits for 0.
using OpenCalls = std::atomic<int>;

// Sees every call of the server from outside: counts and times it, so that no service has to.
class RpcInterceptorFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  RpcInterceptorFactory(std::shared_ptr<Metrics> metrics, std::shared_ptr<OpenCalls> open_calls)
      : metrics_(std::move(metrics)), open_calls_(std::move(open_calls)) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  const std::shared_ptr<Metrics> metrics_;
  const std::shared_ptr<OpenCalls> open_calls_;
};

}  // namespace steer

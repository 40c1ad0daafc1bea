#include "server/rpc_interceptor.h"

#include <string>
#include <utility>

#include "core/base/clock.h"

namespace steer {
namespace {

// The calls that only look on: a server that drains ends them itself.
bool OnlyWatches(const std::string& method) {
  return method == "other" || method == "steer.v1.LearningService/WatchJob";
}

class RpcInterceptor final : public grpc::experimental::Interceptor {
 public:
  RpcInterceptor(std::shared_ptr<Metrics> metrics, std::shared_ptr<OpenCalls> open_calls,
                 const char* path)
      : metrics_(std::move(metrics)),
        open_calls_(std::move(open_calls)),
        method_(metrics_->MethodLabel(path)),
        counted_(!OnlyWatches(method_)) {
    if (counted_) ++*open_calls_;
    metrics_->CallStarted(method_);
  }

  ~RpcInterceptor() override {
    if (counted_) --*open_calls_;
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_STATUS)) {
      metrics_->CallEnded(method_, methods->GetSendStatus().error_code(), SecondsSince(start_));
    }
    methods->Proceed();
  }

 private:
  const std::shared_ptr<Metrics> metrics_;
  const std::shared_ptr<OpenCalls> open_calls_;
  const std::string method_;
  const bool counted_;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace

grpc::experimental::Interceptor* RpcInterceptorFactory::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  return new RpcInterceptor(metrics_, open_calls_, info->method());
}

}  // namespace steer

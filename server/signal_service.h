#pragma once

#include "server/backend.h"
#include "steer/v1/signal.grpc.pb.h"

namespace steer {

class SignalService final : public v1::SignalService::CallbackService {
 public:
  explicit SignalService(Backend* backend) : backend_(*backend) {}

  grpc::ServerReadReactor<v1::RegisterSignalRequest>* RegisterSignal(
      grpc::CallbackServerContext* context, v1::RegisterSignalResponse* response) override;
  grpc::ServerUnaryReactor* GetSignal(grpc::CallbackServerContext* context,
                                      const v1::GetSignalRequest* request,
                                      v1::Signal* response) override;
  grpc::ServerUnaryReactor* ListSignals(grpc::CallbackServerContext* context,
                                        const v1::ListSignalsRequest* request,
                                        v1::ListSignalsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteSignal(grpc::CallbackServerContext* context,
                                         const v1::DeleteSignalRequest* request,
                                         v1::DeleteSignalResponse* response) override;
  grpc::ServerUnaryReactor* SetAlias(grpc::CallbackServerContext* context,
                                     const v1::SetAliasRequest* request,
                                     v1::Alias* response) override;
  grpc::ServerUnaryReactor* DeleteAlias(grpc::CallbackServerContext* context,
                                        const v1::DeleteAliasRequest* request,
                                        v1::DeleteAliasResponse* response) override;
  grpc::ServerUnaryReactor* ListAliases(grpc::CallbackServerContext* context,
                                        const v1::ListAliasesRequest* request,
                                        v1::ListAliasesResponse* response) override;

 private:
  Backend& backend_;
};

}  // namespace steer

#pragma once

#include "server/backend.h"
#include "steer/v1/model.grpc.pb.h"

namespace steer {

class ModelService final : public v1::ModelService::CallbackService {
 public:
  explicit ModelService(Backend* backend) : backend_(*backend) {}

  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::Model* response) override;
  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const v1::TokenizeRequest* request,
                                     v1::TokenizeResponse* response) override;
  grpc::ServerUnaryReactor* Detokenize(grpc::CallbackServerContext* context,
                                       const v1::DetokenizeRequest* request,
                                       v1::DetokenizeResponse* response) override;

 private:
  Backend& backend_;
};

}  // namespace steer

#pragma once

#include "server/backend.h"
#include "steer/v1/generation.grpc.pb.h"

namespace steer {

class GenerationService final : public v1::GenerationService::CallbackService {
 public:
  explicit GenerationService(Backend* backend) : backend_(*backend) {}

  grpc::ServerWriteReactor<v1::GenerateResponse>* Generate(
      grpc::CallbackServerContext* context, const v1::GenerateRequest* request) override;
  grpc::ServerUnaryReactor* UpdateGeneration(grpc::CallbackServerContext* context,
                                             const v1::UpdateGenerationRequest* request,
                                             v1::UpdateGenerationResponse* response) override;

 private:
  Backend& backend_;
};

}  // namespace steer

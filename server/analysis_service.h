#pragma once

#include "server/backend.h"
#include "steer/v1/analysis.grpc.pb.h"

namespace steer {

class AnalysisService final : public v1::AnalysisService::CallbackService {
 public:
  explicit AnalysisService(Backend* backend) : backend_(*backend) {}

  grpc::ServerWriteReactor<v1::ScoreResponse>* Score(grpc::CallbackServerContext* context,
                                                     const v1::ScoreRequest* request) override;

 private:
  Backend& backend_;
};

}  // namespace steer

#pragma once

#include "server/backend.h"
#include "steer/v1/analysis.grpc.pb.h"

namespace steer {

class AnalysisService final : public v1::AnalysisService::CallbackService {
 public:
  explicit AnalysisService(Backend* backend) : backend_(*backend) {}

  grpc::ServerWriteReactor<v1::ScoreResponse>* Score(grpc::CallbackServerContext* context,
                                                     const v1::ScoreRequest* request) override;
  grpc::ServerWriteReactor<v1::SweepResponse>* Sweep(grpc::CallbackServerContext* context,
                                                     const v1::SweepRequest* request) override;
  grpc::ServerUnaryReactor* FitCurve(grpc::CallbackServerContext* context,
                                     const v1::FitCurveRequest* request,
                                     v1::FitCurveResponse* response) override;
  grpc::ServerUnaryReactor* RecommendMultiplier(grpc::CallbackServerContext* context,
                                                const v1::RecommendMultiplierRequest* request,
                                                v1::RecommendMultiplierResponse* response) override;
  grpc::ServerWriteReactor<v1::MeasureTextResponse>* MeasureText(
      grpc::CallbackServerContext* context, const v1::MeasureTextRequest* request) override;
  grpc::ServerWriteReactor<v1::ViewManifoldResponse>* ViewManifold(
      grpc::CallbackServerContext* context, const v1::ViewManifoldRequest* request) override;
  grpc::ServerUnaryReactor* GetCurve(grpc::CallbackServerContext* context,
                                     const v1::GetCurveRequest* request,
                                     v1::Curve* response) override;
  grpc::ServerUnaryReactor* ListCurves(grpc::CallbackServerContext* context,
                                       const v1::ListCurvesRequest* request,
                                       v1::ListCurvesResponse* response) override;
  grpc::ServerUnaryReactor* DeleteCurve(grpc::CallbackServerContext* context,
                                        const v1::DeleteCurveRequest* request,
                                        v1::DeleteCurveResponse* response) override;

 private:
  Backend& backend_;
};

}  // namespace steer

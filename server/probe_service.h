#pragma once

#include "server/backend.h"
#include "steer/v1/probe.grpc.pb.h"

namespace steer {

class ProbeService final : public v1::ProbeService::CallbackService {
 public:
  explicit ProbeService(Backend* backend) : backend_(*backend) {}

  grpc::ServerUnaryReactor* SetProbe(grpc::CallbackServerContext* context,
                                     const v1::SetProbeRequest* request,
                                     v1::Probe* response) override;
  grpc::ServerUnaryReactor* DeleteProbe(grpc::CallbackServerContext* context,
                                        const v1::DeleteProbeRequest* request,
                                        v1::DeleteProbeResponse* response) override;
  grpc::ServerUnaryReactor* ListProbes(grpc::CallbackServerContext* context,
                                       const v1::ListProbesRequest* request,
                                       v1::ListProbesResponse* response) override;
  grpc::ServerUnaryReactor* ListProbeRuns(grpc::CallbackServerContext* context,
                                          const v1::ListProbeRunsRequest* request,
                                          v1::ListProbeRunsResponse* response) override;

 private:
  Backend& backend_;
};

}  // namespace steer

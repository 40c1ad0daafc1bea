#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "steer/v1/analysis.grpc.pb.h"
#include "steer/v1/generation.grpc.pb.h"
#include "steer/v1/model.grpc.pb.h"
#include "steer/v1/probe.grpc.pb.h"
#include "steer/v1/signal.grpc.pb.h"

namespace steer {

// A server that says what a test has written down, and keeps what it was asked. One call at a time.
class ScriptedServer : v1::AnalysisService::Service,
                       v1::GenerationService::Service,
                       v1::ModelService::Service,
                       v1::ProbeService::Service,
                       v1::SignalService::Service {
 public:
  ScriptedServer() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(static_cast<v1::AnalysisService::Service*>(this));
    builder.RegisterService(static_cast<v1::GenerationService::Service*>(this));
    builder.RegisterService(static_cast<v1::ModelService::Service*>(this));
    builder.RegisterService(static_cast<v1::ProbeService::Service*>(this));
    builder.RegisterService(static_cast<v1::SignalService::Service*>(this));
    server_ = builder.BuildAndStart();
    address = absl::StrCat("127.0.0.1:", port);
  }
  ~ScriptedServer() override { server_->Shutdown(); }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string address;

  // What is told, and how a call ends.
  std::vector<v1::Curve> curves;  // each after its points
  grpc::Status sweep_status;
  std::string unfitted;  // the curve that FitCurve refuses
  std::map<std::string, v1::Signal> signals;
  v1::Receipt receipt;  // of an answer under signals
  std::vector<v1::Probe> probes;
  std::vector<v1::ProbeRun> runs;  // a page each

  // What was asked.
  v1::SweepRequest swept;
  std::vector<v1::GenerateRequest> generated;
  v1::SetProbeRequest probe_set;
  std::string probe_deleted;

 private:
  grpc::Status Sweep(grpc::ServerContext*, const v1::SweepRequest* request,
                     grpc::ServerWriter<v1::SweepResponse>* writer) override {
    swept = *request;
    for (size_t i = 0; i < curves.size(); ++i) {
      v1::SweepResponse response;
      for (const v1::CurvePoint& point : curves[i].points()) {
        response.mutable_point()->set_multiplier(point.multiplier());
        response.mutable_point()->set_control_set(static_cast<int>(i));
        response.mutable_point()->mutable_mean()->set_utility_valid(static_cast<int>(i) + 3);
        writer->Write(response);
      }
      *response.mutable_curve() = curves[i];
      writer->Write(response);
    }
    return sweep_status;
  }

  grpc::Status FitCurve(grpc::ServerContext*, const v1::FitCurveRequest* request,
                        v1::FitCurveResponse* response) override {
    if (request->curve_id() == unfitted) return {grpc::StatusCode::FAILED_PRECONDITION, "no law"};
    response->mutable_curve()->set_id(request->curve_id());
    response->mutable_preference()->set_verdict(v1::TOO_FEW_POINTS);
    return grpc::Status::OK;
  }

  grpc::Status GetSignal(grpc::ServerContext*, const v1::GetSignalRequest* request,
                         v1::Signal* response) override {
    const auto found = signals.find(request->signal());
    if (found == signals.end()) return {grpc::StatusCode::NOT_FOUND, "no such signal"};
    *response = found->second;
    return grpc::Status::OK;
  }

  grpc::Status Generate(grpc::ServerContext*, const v1::GenerateRequest* request,
                        grpc::ServerWriter<v1::GenerateResponse>* writer) override {
    generated.push_back(*request);
    v1::GenerateResponse response;
    response.mutable_started()->mutable_sampling()->set_seed(7);
    writer->Write(response);
    response.mutable_tokens()->set_text(request->controls().empty() ? "plain" : "steered");
    writer->Write(response);
    v1::GenerationFinished& finished = *response.mutable_finished();
    if (!request->controls().empty()) *finished.mutable_receipt() = receipt;
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest*,
                        v1::Model* response) override {
    response->set_name("scripted");
    return grpc::Status::OK;
  }

  grpc::Status SetProbe(grpc::ServerContext*, const v1::SetProbeRequest* request,
                        v1::Probe* response) override {
    probe_set = *request;
    response->set_signal(request->signal());
    response->set_pairs(request->pairs_size());
    return grpc::Status::OK;
  }

  grpc::Status DeleteProbe(grpc::ServerContext*, const v1::DeleteProbeRequest* request,
                           v1::DeleteProbeResponse*) override {
    if (request->signal() == "nobody") return {grpc::StatusCode::NOT_FOUND, "not watched"};
    probe_deleted = request->signal();
    return grpc::Status::OK;
  }

  grpc::Status ListProbes(grpc::ServerContext*, const v1::ListProbesRequest*,
                          v1::ListProbesResponse* response) override {
    response->mutable_probes()->Add(probes.begin(), probes.end());
    return grpc::Status::OK;
  }

  grpc::Status ListProbeRuns(grpc::ServerContext*, const v1::ListProbeRunsRequest* request,
                             v1::ListProbeRunsResponse* response) override {
    const size_t page = request->page_token().size();
    if (page < runs.size()) *response->add_runs() = runs[page];
    if (page + 1 < runs.size()) response->set_next_page_token(std::string(page + 1, 'x'));
    return grpc::Status::OK;
  }

  std::unique_ptr<grpc::Server> server_;
};

}  // namespace steer

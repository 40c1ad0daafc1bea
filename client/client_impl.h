#pragma once

#include <memory>
#include <utility>

#include "client/steer_client.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "steer/v1/analysis.grpc.pb.h"
#include "steer/v1/generation.grpc.pb.h"
#include "steer/v1/learning.grpc.pb.h"
#include "steer/v1/model.grpc.pb.h"
#include "steer/v1/probe.grpc.pb.h"
#include "steer/v1/signal.grpc.pb.h"

// The insides of steer_client.h, for the files that implement it.
namespace steer {

struct Client::Impl {
  Impl(ClientOptions client_options, const std::shared_ptr<grpc::Channel>& channel)
      : options(std::move(client_options)),
        health(channel),
        model(v1::ModelService::NewStub(channel)),
        generation(v1::GenerationService::NewStub(channel)),
        signals(v1::SignalService::NewStub(channel)),
        analysis(v1::AnalysisService::NewStub(channel)),
        learning(v1::LearningService::NewStub(channel)),
        probes(v1::ProbeService::NewStub(channel)) {}

  const ClientOptions options;
  // On the wire, health's request is a string in field 1 and its answer an enum in field 1, which
  // are the two wrapper messages: Debian's gRPC ships no header of that service.
  grpc::TemplatedGenericStub<google::protobuf::StringValue, google::protobuf::Int32Value> health;
  const std::unique_ptr<v1::ModelService::StubInterface> model;
  const std::unique_ptr<v1::GenerationService::StubInterface> generation;
  const std::unique_ptr<v1::SignalService::StubInterface> signals;
  const std::unique_ptr<v1::AnalysisService::StubInterface> analysis;
  const std::unique_ptr<v1::LearningService::StubInterface> learning;
  const std::unique_ptr<v1::ProbeService::StubInterface> probes;
};

}  // namespace steer

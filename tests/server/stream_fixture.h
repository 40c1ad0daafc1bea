#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "tests/server/scripted_service.h"
#include "tests/server/small_window.h"

namespace steer {

class StreamReactorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/steer-stream-test-XXXXXX";
    folder_ = mkdtemp(name);
    RuntimeOptions options;
    options.model_path = std::getenv("STEER_TINY_MODEL");
    options.state_directory = folder_ + "/state";
    options.dtype = "f32";
    options.threads = 1;
    options.kv_cache_mib = 4;
    auto runtime = Runtime::Create(options);
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
    service_ = std::make_unique<ScriptedService>(runtime_.get(), metrics_);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + folder_ + "/socket", grpc::InsecureServerCredentials());
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::GenerationService::NewStub(grpc::CreateCustomChannel(
        "unix:" + folder_ + "/socket", grpc::InsecureChannelCredentials(), SmallWindow()));
  }

  void TearDown() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    service_.reset();
    server_.reset();
    runtime_.reset();
    std::filesystem::remove_all(folder_);
  }

  struct Answer {
    grpc::Status status;
    std::vector<v1::GenerateResponse> messages;
  };
  Answer Call(Script script, int n = 1) {
    const std::future<void> played = service_->Play(std::move(script), n);
    grpc::ClientContext context;
    Answer answer;
    const auto reader = stub_->Generate(&context, {});
    v1::GenerateResponse response;
    while (reader->Read(&response)) answer.messages.push_back(response);
    answer.status = reader->Finish();
    played.wait();
    return answer;
  }

  std::string folder_;
  std::unique_ptr<Runtime> runtime_;
  const std::shared_ptr<Metrics> metrics_ =
      std::make_shared<Metrics>(std::vector<std::string>{"cpu:0"}, 10);
  std::unique_ptr<ScriptedService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::GenerationService::Stub> stub_;
};

}  // namespace steer

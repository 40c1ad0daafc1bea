#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/sha256.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "server/server.h"
#include "steer/v1/analysis.grpc.pb.h"
#include "steer/v1/generation.grpc.pb.h"
#include "steer/v1/learning.grpc.pb.h"
#include "steer/v1/model.grpc.pb.h"
#include "steer/v1/signal.grpc.pb.h"

namespace steer {

inline constexpr int kHidden = 64;  // of the tiny model

// A vector at layers.1.block_out whose entries are all `value`, as a file in format "native".
inline std::string VectorFile(float value) {
  std::string header =
      R"({"__metadata__":{"format":"control-signal/1","kind":"vector"},)"
      R"("layers.1.block_out.v":{"dtype":"F32","shape":[64],"data_offsets":[0,256]}})";
  while (header.size() % 8 != 0) header += ' ';
  const uint64_t size = header.size();
  std::string file(reinterpret_cast<const char*>(&size), sizeof(size));
  file += header;
  for (int i = 0; i < kHidden; ++i) {
    file.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return file;
}

inline v1::ErrorDetail DetailIn(const grpc::ClientContext& context) {
  v1::ErrorDetail detail;
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find("steer-error-bin");
  if (found != trailers.end()) {
    EXPECT_TRUE(detail.ParseFromString(std::string(found->second.data(), found->second.size())));
  }
  return detail;
}

// A server over the tiny model on a unix socket of its own, and a client of everything.
class ServerTest : public ::testing::Test {
 protected:
  // What a test wants otherwise.
  virtual void Prepare() {}

  void SetUp() override {
    char name[] = "/tmp/steer-server-test-XXXXXX";
    folder_ = mkdtemp(name);
    options_.runtime.model_path = std::getenv("STEER_TINY_MODEL");
    options_.runtime.state_directory = folder_ + "/state";
    options_.runtime.dtype = "f32";
    options_.runtime.threads = 1;
    options_.runtime.kv_cache_mib = 16;
    options_.listen = "unix:" + folder_ + "/socket";
    options_.metrics_listen = "off";  // civetweb takes two seconds to stop
    options_.drain_seconds = 20;
    Prepare();
    auto runtime = Runtime::Create(options_.runtime);
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
    auto server = Server::Start(options_, runtime_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    Connect({});
  }

  void TearDown() override {
    server_.reset();
    runtime_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Connect(const grpc::ChannelArguments& arguments) {
    const auto channel =
        grpc::CreateCustomChannel(options_.listen, grpc::InsecureChannelCredentials(), arguments);
    generation_ = v1::GenerationService::NewStub(channel);
    signals_ = v1::SignalService::NewStub(channel);
    analysis_ = v1::AnalysisService::NewStub(channel);
    learning_ = v1::LearningService::NewStub(channel);
    model_ = v1::ModelService::NewStub(channel);
  }

  // A generation of 400 tokens.
  static v1::GenerateRequest Long() {
    v1::GenerateRequest request;
    request.mutable_prompt()->set_text("hello");
    request.mutable_sampling()->set_max_tokens(400);
    request.mutable_sampling()->set_seed(1);
    request.mutable_sampling()->set_ignore_eos(true);
    return request;
  }

  // Pairs to be scored or learnt from.
  template <typename Request>
  static void AddPairs(int count, Request& request) {
    for (int i = 0; i < count; ++i) {
      v1::PolarPair& pair = *request.add_pairs();
      pair.set_question("the question " + std::to_string(i));
      pair.set_positive("hello");
      pair.set_negative("an other one");
    }
  }

  // One completion, put together from its messages.
  struct Completion {
    std::string text;
    std::vector<int32_t> ids;
    std::vector<float> log_probs;
    std::vector<v1::TopLogProbs> top;
    v1::GenerationFinished finished;
  };
  struct Answer {
    grpc::Status status;
    v1::ErrorDetail detail;
    v1::GenerationStarted started;
    v1::GenerationFinished finished;  // the last one
    std::string text;                 // of all completions
    std::vector<int32_t> ids;         // of all completions
    std::vector<std::string> events;  // which message came after which: "started", "prompt", …
    v1::PromptTokens prompt;
    std::map<int, Completion> completions;
    int messages = 0;
  };
  static void Add(const v1::GenerateResponse& response, Answer& answer) {
    static constexpr const char* kNames[] = {"", "started", "tokens", "finished", "prompt"};
    ++answer.messages;
    answer.events.push_back(kNames[response.event_case()]);
    if (response.has_started()) answer.started = response.started();
    if (response.has_prompt()) answer.prompt = response.prompt();
    if (response.has_finished()) {
      answer.finished = response.finished();
      answer.completions[answer.finished.completion()].finished = answer.finished;
    }
    if (!response.has_tokens()) return;
    const v1::GeneratedTokens& tokens = response.tokens();
    Completion& completion = answer.completions[tokens.completion()];
    completion.text += tokens.text();
    completion.ids.insert(completion.ids.end(), tokens.ids().begin(), tokens.ids().end());
    completion.log_probs.insert(completion.log_probs.end(), tokens.log_probs().begin(),
                                tokens.log_probs().end());
    completion.top.insert(completion.top.end(), tokens.top_log_probs().begin(),
                          tokens.top_log_probs().end());
    answer.text += tokens.text();
    answer.ids.insert(answer.ids.end(), tokens.ids().begin(), tokens.ids().end());
  }
  Answer Generate(const v1::GenerateRequest& request) {
    grpc::ClientContext context;
    Answer answer;
    v1::GenerateResponse response;
    const auto reader = generation_->Generate(&context, request);
    while (reader->Read(&response)) Add(response, answer);
    answer.status = reader->Finish();
    answer.detail = DetailIn(context);
    return answer;
  }

  struct Upload {
    grpc::Status status;
    v1::ErrorDetail detail;
    v1::RegisterSignalResponse response;
  };
  Upload Register(const v1::RegisterSignalHeader& header, const std::vector<std::string>& chunks) {
    grpc::ClientContext context;
    Upload upload;
    const auto writer = signals_->RegisterSignal(&context, &upload.response);
    v1::RegisterSignalRequest part;
    *part.mutable_header() = header;
    bool open = writer->Write(part);
    for (size_t i = 0; open && i < chunks.size(); ++i) {
      part.set_chunk(chunks[i]);
      open = writer->Write(part);
    }
    if (open) writer->WritesDone();
    upload.status = writer->Finish();
    upload.detail = DetailIn(context);
    return upload;
  }
  static v1::RegisterSignalHeader HeaderOf(const std::string& file, const std::string& alias) {
    v1::RegisterSignalHeader header;
    header.set_format("native");
    header.set_size(static_cast<int64_t>(file.size()));
    header.set_sha256(Sha256Hex(file));
    header.set_alias(alias);
    return header;
  }
  std::string RegisterVector(float value, const std::string& alias) {
    const std::string file = VectorFile(value);
    const Upload upload = Register(HeaderOf(file, alias), {file});
    EXPECT_TRUE(upload.status.ok()) << upload.status.error_message();
    return upload.response.signal().id();
  }

  // The device has nothing left of any request.
  bool FreeWithin(std::chrono::seconds limit) {
    const auto deadline = Clock::now() + limit;
    while (Clock::now() < deadline) {
      const std::vector<PoolStats> pools = runtime_->pools();
      const bool free = std::all_of(pools.begin(), pools.end(), [](const PoolStats& pool) {
        return pool.engine.running == 0 && pool.engine.waiting == 0 &&
               pool.engine.kv_blocks_used == 0;
      });
      if (free && runtime_->in_flight() == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  std::string folder_;
  ServerOptions options_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::GenerationService::Stub> generation_;
  std::unique_ptr<v1::SignalService::Stub> signals_;
  std::unique_ptr<v1::AnalysisService::Stub> analysis_;
  std::unique_ptr<v1::LearningService::Stub> learning_;
  std::unique_ptr<v1::ModelService::Stub> model_;
};

}  // namespace steer

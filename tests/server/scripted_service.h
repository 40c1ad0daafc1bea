#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/stream_reactor.h"
#include "steer/v1/generation.grpc.pb.h"

namespace steer {

using Sinks = std::vector<std::shared_ptr<EventSink>>;
using Script = std::function<void(const std::shared_ptr<GenerationStream>&, const Sinks&)>;

// A service whose calls are played by the test, in place of an engine, on a thread of their own.
class ScriptedService final : public v1::GenerationService::CallbackService {
 public:
  ScriptedService(Runtime* runtime, std::shared_ptr<Metrics> metrics)
      : runtime_(runtime), metrics_(std::move(metrics)) {}
  ~ScriptedService() override {
    if (engine_.joinable()) engine_.join();
  }

  // For the next call; the answer tells when the script has been played.
  std::future<void> Play(Script script, int n = 1) {
    if (engine_.joinable()) engine_.join();
    n_ = n;
    script_ = std::move(script);
    played_ = std::promise<void>();
    return played_.get_future();
  }

  grpc::ServerWriteReactor<v1::GenerateResponse>* Generate(grpc::CallbackServerContext* context,
                                                           const v1::GenerateRequest*) override {
    const auto stream = std::make_shared<GenerationStream>(runtime_, metrics_, &writer_, context);
    stream->Open();
    engine_ = std::thread([this, stream, sinks = stream->Sinks(n_)] {
      script_(stream, sinks);
      played_.set_value();
    });
    return stream.get();
  }

 private:
  Runtime* const runtime_;
  const std::shared_ptr<Metrics> metrics_;
  StreamWriter writer_;
  Script script_;
  int n_ = 1;
  std::promise<void> played_;
  std::thread engine_;
};

inline Admitted SomeAdmitted() {
  Admitted admitted;
  admitted.id = 1u << 30;  // of no request that the runtime has
  admitted.prompt_tokens = 3;
  admitted.pool = "cpu:0";
  return admitted;
}

inline TokenEvent Token(TokenId id, const std::string& text) {
  TokenEvent event;
  event.token = id;
  event.text = text;
  return event;
}

inline FinishedEvent Finished(FinishReason reason, absl::Status status = absl::OkStatus()) {
  FinishedEvent event;
  event.reason = reason;
  event.status = std::move(status);
  return event;
}

}  // namespace steer

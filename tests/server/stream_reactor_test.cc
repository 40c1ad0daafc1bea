#include "server/stream_reactor.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "steer/v1/generation.grpc.pb.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using Script = std::function<void(const std::shared_ptr<GenerationStream>&)>;

// A service whose calls are played by the test, in place of an engine, on a thread of their own.
class ScriptedService final : public v1::GenerationService::CallbackService {
 public:
  ScriptedService(Runtime* runtime, std::shared_ptr<Metrics> metrics)
      : runtime_(runtime), metrics_(std::move(metrics)) {}
  ~ScriptedService() override {
    if (engine_.joinable()) engine_.join();
  }

  // For the next call; the answer tells when the script has been played.
  std::future<void> Play(Script script) {
    if (engine_.joinable()) engine_.join();
    script_ = std::move(script);
    played_ = std::promise<void>();
    return played_.get_future();
  }

  grpc::ServerWriteReactor<v1::GenerateResponse>* Generate(grpc::CallbackServerContext* context,
                                                           const v1::GenerateRequest*) override {
    const auto stream = std::make_shared<GenerationStream>(runtime_, metrics_, &writer_, context);
    stream->Open();
    engine_ = std::thread([this, stream] {
      script_(stream);
      played_.set_value();
    });
    return stream.get();
  }

 private:
  Runtime* const runtime_;
  const std::shared_ptr<Metrics> metrics_;
  StreamWriter writer_;
  Script script_;
  std::promise<void> played_;
  std::thread engine_;
};

Admitted SomeAdmitted() {
  Admitted admitted;
  admitted.id = 1u << 30;  // of no request that the runtime has
  admitted.prompt_tokens = 3;
  return admitted;
}

TokenEvent Token(TokenId id, const std::string& text) {
  TokenEvent event;
  event.token = id;
  event.text = text;
  return event;
}

FinishedEvent Finished(FinishReason reason, absl::Status status = absl::OkStatus()) {
  FinishedEvent event;
  event.reason = reason;
  event.status = std::move(status);
  return event;
}

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
    grpc::ChannelArguments small_window;
    small_window.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 32);
    small_window.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = v1::GenerationService::NewStub(grpc::CreateCustomChannel(
        "unix:" + folder_ + "/socket", grpc::InsecureChannelCredentials(), small_window));
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
  Answer Call(Script script) {
    const std::future<void> played = service_->Play(std::move(script));
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
  const std::shared_ptr<Metrics> metrics_ = std::make_shared<Metrics>("cpu:0", 10);
  std::unique_ptr<ScriptedService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::GenerationService::Stub> stub_;
};

TEST_F(StreamReactorTest, StartedComesFirstEvenIfTheEngineWasQuicker) {
  const Answer answer = Call([](const auto& stream) {
    stream->OnToken(Token(7, "a"));
    stream->OnToken(Token(8, "b"));
    stream->OnFinished(Finished(FinishReason::kLength));
    stream->Admit(SomeAdmitted(), {});
  });
  EXPECT_TRUE(answer.status.ok());
  ASSERT_EQ(answer.messages.size(), 3u);
  EXPECT_EQ(answer.messages[0].started().prompt_tokens(), 3);
  EXPECT_THAT(answer.messages[1].tokens().ids(), ElementsAre(7, 8));
  EXPECT_EQ(answer.messages[1].tokens().text(), "ab");
  EXPECT_EQ(answer.messages[2].finished().finish_reason(), "length");
}

TEST_F(StreamReactorTest, TextThatWasHeldBackComesBeforeTheEnd) {
  const Answer answer = Call([](const auto& stream) {
    stream->Admit(SomeAdmitted(), {});
    FinishedEvent finished = Finished(FinishReason::kLength);
    finished.tail_text = "tail";
    stream->OnFinished(finished);
  });
  ASSERT_EQ(answer.messages.size(), 3u);
  EXPECT_EQ(answer.messages[1].tokens().text(), "tail");
  EXPECT_TRUE(answer.messages[2].has_finished());
}

TEST_F(StreamReactorTest, ADeadlineStillGivesTheReceipt) {
  const Answer answer = Call([](const auto& stream) {
    stream->Admit(SomeAdmitted(), {});
    stream->OnToken(Token(7, "a"));
    stream->OnFinished(Finished(FinishReason::kDeadline, absl::DeadlineExceededError("late")));
  });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(answer.messages.back().finished().finish_reason(), "deadline");
}

TEST_F(StreamReactorTest, AnErrorComesAfterTheTokensBeforeIt) {
  const Answer answer = Call([](const auto& stream) {
    stream->Admit(SomeAdmitted(), {});
    stream->OnToken(Token(7, "a"));
    stream->OnFinished(Finished(FinishReason::kError, absl::InternalError("broke")));
  });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(answer.status.error_message(), "broke");
  ASSERT_EQ(answer.messages.size(), 2u);
  EXPECT_EQ(answer.messages[1].tokens().text(), "a");
}

TEST_F(StreamReactorTest, ARefusalHasNoMessages) {
  const Answer answer =
      Call([](const auto& stream) { stream->Refuse(absl::NotFoundError("nobody")); });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(answer.messages.empty());
}

TEST_F(StreamReactorTest, MoreThanTheLimitUnreadCancelsLongBeforeTheTimeLimit) {
  const std::string kilobyte(1024, 'x');
  std::shared_ptr<GenerationStream> kept;
  const std::future<void> played = service_->Play([&](const auto& stream) {
    kept = stream;
    stream->Admit(SomeAdmitted(), {});
    const Clock::time_point limit = Clock::now() + GenerationStream::kMaxWriteTime / 2;
    // Nobody reads, and yet nothing here ever waits for the reader.
    while (!stream->cancelled() && Clock::now() < limit) {
      stream->OnToken(Token(1, kilobyte));
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    EXPECT_TRUE(stream->cancelled());
  });
  grpc::ClientContext context;
  const auto reader = stub_->Generate(&context, {});
  played.wait();
  v1::GenerateResponse response;
  while (reader->Read(&response)) EXPECT_FALSE(response.has_finished());
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The engine may still hold the stream and speak to it after the call is over.
  kept->OnToken(Token(1, "late"));
  kept->OnFinished(Finished(FinishReason::kCancelled));
}

TEST_F(StreamReactorTest, ABurstBeforeTheFirstWriteIsNotTheReadersFault) {
  const std::string kilobyte(1024, 'x');
  const Answer answer = Call([&](const auto& stream) {
    for (int i = 0; i < 400; ++i) stream->OnToken(Token(i, kilobyte));
    stream->Admit(SomeAdmitted(), {});
    stream->OnFinished(Finished(FinishReason::kLength));
  });
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  int ids = 0;
  for (const auto& message : answer.messages) ids += message.tokens().ids_size();
  EXPECT_EQ(ids, 400);
}

TEST_F(StreamReactorTest, AsMuchUnreadAsTheLimitIsDeliveredWhole) {
  const std::string kilobyte(1024, 'x');
  const Answer answer = Call([&](const auto& stream) {
    stream->Admit(SomeAdmitted(), {});
    for (int i = 0; i < 200; ++i) stream->OnToken(Token(i, kilobyte));
    stream->OnFinished(Finished(FinishReason::kLength));
  });
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  size_t bytes = 0;
  for (const auto& message : answer.messages) bytes += message.tokens().text().size();
  EXPECT_EQ(bytes, 200u * 1024);
}

}  // namespace
}  // namespace steer

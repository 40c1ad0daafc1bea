#include "server/stream_reactor.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
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
#include "prometheus/text_serializer.h"
#include "steer/v1/generation.grpc.pb.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
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

Admitted SomeAdmitted() {
  Admitted admitted;
  admitted.id = 1u << 30;  // of no request that the runtime has
  admitted.prompt_tokens = 3;
  admitted.pool = "cpu:0";
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

TEST_F(StreamReactorTest, StartedComesFirstEvenIfTheEngineWasQuicker) {
  const Answer answer = Call([](const auto& stream, const auto& sinks) {
    sinks[0]->OnToken(Token(7, "a"));
    sinks[0]->OnToken(Token(8, "b"));
    sinks[0]->OnFinished(Finished(FinishReason::kLength));
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
  const Answer answer = Call([](const auto& stream, const auto& sinks) {
    stream->Admit(SomeAdmitted(), {});
    FinishedEvent finished = Finished(FinishReason::kLength);
    finished.tail_text = "tail";
    sinks[0]->OnFinished(finished);
  });
  ASSERT_EQ(answer.messages.size(), 3u);
  EXPECT_EQ(answer.messages[1].tokens().text(), "tail");
  EXPECT_TRUE(answer.messages[2].has_finished());
}

TEST_F(StreamReactorTest, ADeadlineStillGivesTheReceipt) {
  const Answer answer = Call([](const auto& stream, const auto& sinks) {
    stream->Admit(SomeAdmitted(), {});
    sinks[0]->OnToken(Token(7, "a"));
    sinks[0]->OnFinished(Finished(FinishReason::kDeadline, absl::DeadlineExceededError("late")));
  });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(answer.messages.back().finished().finish_reason(), "deadline");
}

TEST_F(StreamReactorTest, AnErrorComesAfterTheTokensBeforeIt) {
  const Answer answer = Call([](const auto& stream, const auto& sinks) {
    stream->Admit(SomeAdmitted(), {});
    sinks[0]->OnToken(Token(7, "a"));
    sinks[0]->OnFinished(Finished(FinishReason::kError, absl::InternalError("broke")));
  });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(answer.status.error_message(), "broke");
  ASSERT_EQ(answer.messages.size(), 2u);
  EXPECT_EQ(answer.messages[1].tokens().text(), "a");
}

TEST_F(StreamReactorTest, ARefusalHasNoMessages) {
  const Answer answer =
      Call([](const auto& stream, const auto&) { stream->Refuse(absl::NotFoundError("nobody")); });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(answer.messages.empty());
}

TEST_F(StreamReactorTest, MoreThanTheLimitUnreadCancelsLongBeforeTheTimeLimit) {
  const std::string kilobyte(1024, 'x');
  std::shared_ptr<EventSink> kept;
  const std::future<void> played = service_->Play([&](const auto& stream, const auto& sinks) {
    kept = sinks[0];
    stream->Admit(SomeAdmitted(), {});
    const Clock::time_point limit = Clock::now() + GenerationStream::kMaxWriteTime / 2;
    // Nobody reads, and yet nothing here ever waits for the reader.
    while (!stream->cancelled() && Clock::now() < limit) {
      sinks[0]->OnToken(Token(1, kilobyte));
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
  const Answer answer = Call([&](const auto& stream, const auto& sinks) {
    for (int i = 0; i < 400; ++i) sinks[0]->OnToken(Token(i, kilobyte));
    stream->Admit(SomeAdmitted(), {});
    sinks[0]->OnFinished(Finished(FinishReason::kLength));
  });
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  int ids = 0;
  for (const auto& message : answer.messages) ids += message.tokens().ids_size();
  EXPECT_EQ(ids, 400);
}

TEST_F(StreamReactorTest, AsMuchUnreadAsTheLimitIsDeliveredWhole) {
  const std::string kilobyte(1024, 'x');
  const Answer answer = Call([&](const auto& stream, const auto& sinks) {
    stream->Admit(SomeAdmitted(), {});
    for (int i = 0; i < 200; ++i) sinks[0]->OnToken(Token(i, kilobyte));
    sinks[0]->OnFinished(Finished(FinishReason::kLength));
  });
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  size_t bytes = 0;
  for (const auto& message : answer.messages) bytes += message.tokens().text().size();
  EXPECT_EQ(bytes, 200u * 1024);
}

TEST_F(StreamReactorTest, EveryCompletionHasItsOwnTokensAndItsOwnEnd) {
  const Answer answer = Call(
      [](const auto& stream, const auto& sinks) {
        for (const TokenId round : {10, 20}) {
          for (int i = 0; i < 3; ++i) sinks[i]->OnToken(Token(round + i, std::to_string(i)));
        }
        for (const int i : {1, 0, 2}) sinks[i]->OnFinished(Finished(FinishReason::kLength));
        stream->Admit(SomeAdmitted(), {});
      },
      3);
  EXPECT_TRUE(answer.status.ok());
  ASSERT_EQ(answer.messages.size(), 7u);
  std::vector<int> finished;
  for (const auto& message : answer.messages) {
    if (message.has_finished()) finished.push_back(message.finished().completion());
    if (!message.has_tokens()) continue;
    const int i = message.tokens().completion();
    EXPECT_THAT(message.tokens().ids(), ElementsAre(10 + i, 20 + i));
    EXPECT_EQ(message.tokens().text(), std::to_string(i) + std::to_string(i));
  }
  EXPECT_THAT(finished, UnorderedElementsAre(0, 1, 2));
}

TEST_F(StreamReactorTest, OneCompletionThatFailsEndsTheCall) {
  std::shared_ptr<EventSink> other;
  const Answer answer = Call(
      [&](const auto& stream, const auto& sinks) {
        other = sinks[1];
        stream->Admit(SomeAdmitted(), {});
        sinks[0]->OnToken(Token(7, "a"));
        sinks[0]->OnFinished(Finished(FinishReason::kError, absl::InternalError("broke")));
        // What comes afterwards is not told.
        sinks[1]->OnToken(Token(8, "b"));
      },
      2);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(answer.status.error_message(), "broke");
  ASSERT_EQ(answer.messages.size(), 2u);
  EXPECT_THAT(answer.messages[1].tokens().ids(), ElementsAre(7));
  other->OnFinished(Finished(FinishReason::kCancelled, absl::CancelledError("")));
}

TEST_F(StreamReactorTest, ADeadlineEndsAllCompletionsWithTheirReceipts) {
  const Answer answer = Call(
      [](const auto& stream, const auto& sinks) {
        stream->Admit(SomeAdmitted(), {});
        sinks[0]->OnFinished(Finished(FinishReason::kStop));
        sinks[1]->OnFinished(
            Finished(FinishReason::kDeadline, absl::DeadlineExceededError("late")));
      },
      2);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ASSERT_EQ(answer.messages.size(), 3u);
  std::map<int, std::string> reasons;
  for (const auto& message : answer.messages) {
    if (!message.has_finished()) continue;
    reasons[message.finished().completion()] = message.finished().finish_reason();
  }
  EXPECT_EQ(reasons, (std::map<int, std::string>{{0, "stop"}, {1, "deadline"}}));
}

TEST_F(StreamReactorTest, AnEchoComesRightAfterTheStart) {
  const Answer answer = Call([](const auto& stream, const auto& sinks) {
    sinks[0]->OnToken(Token(7, "a"));
    sinks[0]->OnFinished(Finished(FinishReason::kLength));
    Admitted admitted = SomeAdmitted();
    admitted.prompt = PromptText{{4, 5, 6}, "xyz"};
    stream->Admit(std::move(admitted), {});
  });
  ASSERT_EQ(answer.messages.size(), 4u);
  EXPECT_THAT(answer.messages[1].prompt().ids(), ElementsAre(4, 5, 6));
  EXPECT_EQ(answer.messages[1].prompt().text(), "xyz");
  EXPECT_TRUE(answer.messages[1].prompt().log_probs().empty());
  EXPECT_TRUE(answer.messages[2].has_tokens());
}

TEST_F(StreamReactorTest, NoTokenGoesBeforeThePromptsLogProbabilities) {
  const Answer answer = Call(
      [](const auto& stream, const auto& sinks) {
        Admitted admitted = SomeAdmitted();
        admitted.prompt = PromptText{{4, 5, 6}, "xyz"};
        admitted.sampling.prompt_log_probs = 1;
        stream->Admit(std::move(admitted), {});
        // The second completion is ahead; its own word of the prompt is not asked for.
        sinks[1]->OnPrompt({.log_probs = {-9, -9}, .top = {}});
        sinks[1]->OnToken(Token(8, "b"));
        sinks[1]->OnFinished(Finished(FinishReason::kLength));
        sinks[0]->OnPrompt({.log_probs = {-1, -2}, .top = {{{5, -0.5}}, {{6, -2}}}});
        sinks[0]->OnToken(Token(7, "a"));
        sinks[0]->OnFinished(Finished(FinishReason::kLength));
      },
      2);
  EXPECT_TRUE(answer.status.ok());
  ASSERT_EQ(answer.messages.size(), 6u);
  const v1::PromptTokens& prompt = answer.messages[1].prompt();
  EXPECT_THAT(prompt.log_probs(), ElementsAre(-1, -2));
  ASSERT_EQ(prompt.top_log_probs_size(), 2);
  EXPECT_EQ(prompt.top_log_probs(0).tokens(0).id(), 5);
  EXPECT_EQ(prompt.top_log_probs(0).tokens(0).log_prob(), -0.5f);
}

TEST_F(StreamReactorTest, APromptThatIsNeverComputedHoldsNothingUp) {
  const Answer answer = Call([](const auto& stream, const auto& sinks) {
    Admitted admitted = SomeAdmitted();
    admitted.prompt = PromptText{{4, 5}, "xy"};
    admitted.sampling.prompt_log_probs = 0;
    stream->Admit(std::move(admitted), {});
    sinks[0]->OnFinished(Finished(FinishReason::kDeadline, absl::DeadlineExceededError("late")));
  });
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ASSERT_EQ(answer.messages.size(), 2u);
  EXPECT_TRUE(answer.messages[1].has_finished());
}

TEST_F(StreamReactorTest, AlternativesGoWithTheirTokens) {
  const Answer answer = Call([](const auto& stream, const auto& sinks) {
    TokenEvent event = Token(7, "a");
    event.log_prob = -1.0f;
    event.top = {{9, -0.25f}, {7, -1.0f}};
    sinks[0]->OnToken(event);
    sinks[0]->OnFinished(Finished(FinishReason::kLength));
    stream->Admit(SomeAdmitted(), {});
  });
  const v1::GeneratedTokens& tokens = answer.messages.at(1).tokens();
  EXPECT_THAT(tokens.log_probs(), ElementsAre(-1.0f));
  ASSERT_EQ(tokens.top_log_probs_size(), 1);
  EXPECT_EQ(tokens.top_log_probs(0).tokens(0).id(), 9);
  EXPECT_EQ(tokens.top_log_probs(0).tokens(1).log_prob(), -1.0f);
}

TEST_F(StreamReactorTest, TokensCountInThePoolThatMadeThem) {
  Call([](const auto& stream, const auto& sinks) {
    for (int i = 0; i < 3; ++i) sinks[0]->OnToken(Token(i, "a"));  // before the pool is known
    stream->Admit(SomeAdmitted(), {});
    sinks[0]->OnToken(Token(3, "a"));
    sinks[0]->OnFinished(Finished(FinishReason::kLength));
  });
  const std::string text = prometheus::TextSerializer().Serialize(metrics_->registry()->Collect());
  EXPECT_THAT(text, HasSubstr(R"(steer_time_to_first_token_seconds_count{pool="cpu:0"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(steer_inter_token_latency_seconds_count{pool="cpu:0"} 3)"));
  EXPECT_THAT(text, HasSubstr(R"(steer_requests_finished_total{pool="cpu:0",reason="length"} 1)"));
}

}  // namespace
}  // namespace steer

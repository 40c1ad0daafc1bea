#include "server/stream_reactor.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "tests/server/stream_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

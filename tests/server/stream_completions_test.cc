// Several completions in one stream, and the prompt before them.

#include <map>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/stream_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

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

}  // namespace
}  // namespace steer

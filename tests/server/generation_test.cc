// The knobs of Generate, and UpdateGeneration, against a server over the tiny model.

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/version.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Le;

class GenerationTest : public ServerTest {
 protected:
  static v1::GenerateRequest Short(int tokens) {
    v1::GenerateRequest request = Long();
    request.mutable_prompt()->set_text("hello the user");
    request.mutable_sampling()->set_max_tokens(tokens);
    return request;
  }

  struct Updated {
    grpc::Status status;
    v1::ErrorDetail detail;
    v1::UpdateGenerationResponse response;
  };
  Updated Update(const v1::UpdateGenerationRequest& request) {
    grpc::ClientContext context;
    Updated updated;
    updated.status = generation_->UpdateGeneration(&context, request, &updated.response);
    updated.detail = DetailIn(context);
    return updated;
  }
};

TEST_F(GenerationTest, CompletionsDifferAndTheFirstIsTheOnlyOneOfOne) {
  v1::GenerateRequest request = Short(20);
  const Answer one = Generate(request);
  request.set_n(3);
  const Answer three = Generate(request);
  ASSERT_TRUE(three.status.ok()) << three.status.error_message();
  EXPECT_EQ(three.started.n(), 3);
  ASSERT_EQ(three.completions.size(), 3u);
  EXPECT_EQ(three.completions.at(0).ids, one.ids);
  std::set<std::vector<int32_t>> distinct;
  for (const auto& [number, completion] : three.completions) {
    distinct.insert(completion.ids);
    EXPECT_EQ(completion.ids.size(), 20u);
    EXPECT_EQ(completion.finished.usage().generated_tokens(), 20);
    EXPECT_EQ(completion.finished.receipt().seed(), 1u);
  }
  EXPECT_EQ(distinct.size(), 3u);
  EXPECT_TRUE(FreeWithin(std::chrono::seconds(5)));
}

TEST_F(GenerationTest, CancellingACallCancelsAllItsCompletions) {
  grpc::ClientContext context;
  v1::GenerateRequest request = Long();
  request.set_n(8);
  const auto reader = generation_->Generate(&context, request);
  v1::GenerateResponse response;
  ASSERT_TRUE(reader->Read(&response));
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(FreeWithin(std::chrono::seconds(5)));
}

TEST_F(GenerationTest, AnEchoTellsThePromptAsItWasComputed) {
  v1::GenerateRequest request = Short(3);
  request.set_echo(true);
  const Answer answer = Generate(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_GE(answer.events.size(), 3u);
  EXPECT_EQ(answer.events[1], "prompt");
  EXPECT_EQ(answer.prompt.text(), "hello the user");
  EXPECT_EQ(answer.prompt.ids_size(), answer.started.prompt_tokens());
  EXPECT_TRUE(answer.prompt.log_probs().empty());
}

TEST_F(GenerationTest, ThePromptsLogProbabilitiesComeBeforeTheFirstToken) {
  for (const int n : {1, 3}) {
    v1::GenerateRequest request = Short(3);
    request.mutable_sampling()->set_prompt_log_probs(2);
    request.set_n(n);
    const Answer answer = Generate(request);
    ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
    EXPECT_EQ(answer.events[1], "prompt");
    EXPECT_EQ(std::count(answer.events.begin(), answer.events.end(), "prompt"), 1);
    ASSERT_EQ(answer.prompt.log_probs_size(), answer.started.prompt_tokens() - 1);
    EXPECT_THAT(answer.prompt.log_probs(), Each(Le(0)));
    ASSERT_EQ(answer.prompt.top_log_probs_size(), answer.prompt.log_probs_size());
    for (const v1::TopLogProbs& top : answer.prompt.top_log_probs()) {
      ASSERT_EQ(top.tokens_size(), 2);
      EXPECT_GE(top.tokens(0).log_prob(), top.tokens(1).log_prob());
    }
  }
}

TEST_F(GenerationTest, APromptOfOneTokenHasNoLogProbabilities) {
  v1::GenerateRequest request = Short(2);
  request.mutable_prompt()->mutable_tokens()->add_ids(5);
  request.mutable_sampling()->set_prompt_log_probs(0);
  const Answer answer = Generate(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_THAT(answer.prompt.ids(), ElementsAre(5));
  EXPECT_TRUE(answer.prompt.log_probs().empty());
  EXPECT_EQ(answer.ids.size(), 2u);
}

TEST_F(GenerationTest, AlternativesStandBesideEveryToken) {
  v1::GenerateRequest request = Short(6);
  request.mutable_sampling()->set_temperature(0);
  request.mutable_sampling()->set_log_probs(true);
  request.mutable_sampling()->set_top_log_probs(3);
  const Answer answer = Generate(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  const Completion& completion = answer.completions.at(0);
  ASSERT_EQ(completion.top.size(), completion.ids.size());
  for (size_t i = 0; i < completion.ids.size(); ++i) {
    ASSERT_EQ(completion.top[i].tokens_size(), 3);
    // Greedy: what was chosen is the likeliest.
    EXPECT_EQ(completion.top[i].tokens(0).id(), completion.ids[i]);
    EXPECT_EQ(completion.top[i].tokens(0).log_prob(), completion.log_probs[i]);
  }
}

TEST_F(GenerationTest, AResumedAnswerIsTheRestOfTheWhole) {
  RegisterVector(0.5f, "calm");
  v1::GenerateRequest request = Short(24);
  request.add_controls()->set_signal("calm");
  const Answer whole = Generate(request);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error_message();
  ASSERT_EQ(whole.ids.size(), 24u);
  for (const int cut : {1, 9, 23}) {
    v1::GenerateRequest rest_request = request;
    rest_request.mutable_continue_tokens()->Add(whole.ids.begin(), whole.ids.begin() + cut);
    const Answer rest = Generate(rest_request);
    ASSERT_TRUE(rest.status.ok()) << rest.status.error_message();
    EXPECT_THAT(rest.ids, ElementsAreArray(whole.ids.begin() + cut, whole.ids.end())) << cut;
    ASSERT_LE(rest.text.size(), whole.text.size());
    EXPECT_EQ(rest.text, whole.text.substr(whole.text.size() - rest.text.size())) << cut;
    EXPECT_EQ(rest.finished.usage().generated_tokens(), 24 - cut);
    EXPECT_EQ(rest.finished.receipt().controls(0).steered_generated_tokens(),
              whole.finished.receipt().controls(0).steered_generated_tokens());
  }
}

TEST_F(GenerationTest, AReusedPrefixIsToldAndChangesNothing) {
  RegisterVector(0.5f, "calm");
  v1::GenerateRequest request = Short(4);
  std::string text;
  for (int i = 0; i < 40; ++i) text += "hello the user ";
  request.mutable_prompt()->set_text(text);
  request.add_controls()->set_signal("calm");
  const Answer first = Generate(request);
  const Answer second = Generate(request);
  ASSERT_TRUE(second.status.ok()) << second.status.error_message();
  EXPECT_EQ(first.finished.usage().reused_prompt_tokens(), 0);
  const int reused = second.finished.usage().reused_prompt_tokens();
  EXPECT_GE(reused, 16);
  EXPECT_LT(reused, second.started.prompt_tokens());
  EXPECT_EQ(second.finished.receipt().reused_prompt_tokens(), reused);
  EXPECT_EQ(second.finished.receipt().pool(), "cpu:0");
  EXPECT_EQ(second.finished.receipt().server_version(), Version());
  const v1::AppliedControl& before = first.finished.receipt().controls(0);
  const v1::AppliedControl& after = second.finished.receipt().controls(0);
  EXPECT_EQ(after.steered_prompt_tokens(), before.steered_prompt_tokens());
  EXPECT_EQ(before.steered_reused_tokens(), 0);
  EXPECT_EQ(after.steered_reused_tokens(), reused);
  ASSERT_EQ(after.sites_size(), 1);
  EXPECT_EQ(after.sites(0).site(), "layers.1.block_out");
  EXPECT_EQ(after.sites(0).prompt_tokens(), after.steered_prompt_tokens());
  EXPECT_EQ(after.sites(0).generated_tokens(), after.steered_generated_tokens());
}

TEST_F(GenerationTest, AMultiplierChangesWhileItRunsAndTheReceiptReplaysIt) {
  const std::string id = RegisterVector(0.5f, "calm");
  v1::GenerateRequest request = Long();
  v1::Control& control = *request.add_controls();
  control.set_signal("calm");
  control.set_multiplier(0);
  grpc::ClientContext context;
  const auto reader = generation_->Generate(&context, request);
  v1::GenerateResponse response;
  ASSERT_TRUE(reader->Read(&response));
  v1::UpdateGenerationRequest update;
  update.set_request_id(response.started().request_id());
  update.set_signal(id);  // the request called it by its alias
  update.set_multiplier(40);
  const Updated updated = Update(update);
  ASSERT_TRUE(updated.status.ok()) << updated.status.error_message();
  ASSERT_EQ(updated.response.completions_size(), 1);
  Answer answer;
  while (reader->Read(&response)) Add(response, answer);
  ASSERT_TRUE(reader->Finish().ok());
  const v1::AppliedControl& applied = answer.finished.receipt().controls(0);
  EXPECT_EQ(applied.control().multiplier(), 0);
  ASSERT_EQ(applied.changes_size(), 1);
  EXPECT_EQ(applied.changes(0).position(), updated.response.completions(0).position());
  EXPECT_EQ(applied.changes(0).multiplier(), 40);
  EXPECT_EQ(applied.changes(0).bias_multiplier(), 40);
  EXPECT_GT(applied.steered_generated_tokens(), 0);

  // The same request with the change known beforehand gives the same answer.
  *control.mutable_changes() = applied.changes();
  const Answer replayed = Generate(request);
  EXPECT_EQ(replayed.ids, answer.ids);
  control.clear_changes();
  const Answer plain = Generate(request);
  const size_t first = updated.response.completions(0).first_token();
  ASSERT_LT(first, plain.ids.size());
  EXPECT_THAT(std::vector<int32_t>(answer.ids.begin(), answer.ids.begin() + first),
              ElementsAreArray(plain.ids.begin(), plain.ids.begin() + first));
  EXPECT_NE(answer.ids, plain.ids);
}

TEST_F(GenerationTest, AnUpdateOfNothingIsRefused) {
  RegisterVector(0.5f, "calm");
  v1::GenerateRequest request = Long();
  request.add_controls()->set_signal("calm");
  grpc::ClientContext context;
  const auto reader = generation_->Generate(&context, request);
  v1::GenerateResponse response;
  ASSERT_TRUE(reader->Read(&response));
  v1::UpdateGenerationRequest update;
  update.set_request_id(response.started().request_id());
  update.set_signal("nobody");
  update.set_multiplier(1);
  Updated updated = Update(update);
  EXPECT_EQ(updated.status.error_code(), grpc::StatusCode::NOT_FOUND);
  update.set_signal("calm");
  update.set_multiplier(std::nan(""));
  updated = Update(update);
  EXPECT_EQ(updated.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(updated.detail.field(), "multiplier");
  update.clear_multiplier();
  updated = Update(update);
  EXPECT_EQ(updated.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
  ASSERT_TRUE(FreeWithin(std::chrono::seconds(5)));
  update.set_multiplier(1);
  updated = Update(update);
  EXPECT_EQ(updated.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(updated.detail.field(), "request_id");
}

}  // namespace
}  // namespace steer

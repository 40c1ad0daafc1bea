#include "server/server.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(ServerTest, AGenerationStartsStreamsAndFinishesWithAReceipt) {
  const std::string id = RegisterVector(0.5f, "calm");
  v1::GenerateRequest request;
  v1::ChatMessage& message = *request.mutable_prompt()->mutable_chat()->add_messages();
  message.set_role("user");
  message.set_content("hello");
  request.mutable_sampling()->set_max_tokens(12);
  request.mutable_sampling()->set_log_probs(true);
  v1::Control& control = *request.add_controls();
  control.set_signal("calm");
  control.set_multiplier(2);
  const Answer answer = Generate(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_GT(answer.started.request_id(), 0u);
  EXPECT_EQ(answer.started.sampling().max_tokens(), 12);
  EXPECT_EQ(answer.started.sampling().temperature(), 1);
  EXPECT_TRUE(answer.started.sampling().has_seed());
  EXPECT_EQ(static_cast<int>(answer.ids.size()), answer.finished.usage().generated_tokens());
  EXPECT_EQ(answer.finished.usage().prompt_tokens(), answer.started.prompt_tokens());
  EXPECT_EQ(answer.finished.receipt().seed(), answer.started.sampling().seed());
  EXPECT_EQ(answer.finished.receipt().model_fingerprint(), runtime_->model().fingerprint);
  ASSERT_EQ(answer.finished.receipt().controls_size(), 1);
  const v1::AppliedControl& applied = answer.finished.receipt().controls(0);
  EXPECT_EQ(applied.control().signal(), "calm");
  EXPECT_EQ(applied.control().signal_id(), id);
  EXPECT_EQ(applied.control().multiplier(), 2);
  EXPECT_THAT(applied.control().sites(), ElementsAre("layers.1.block_out"));
  // The last prompt position yields the first generated token.
  EXPECT_EQ(applied.steered_prompt_tokens(), answer.started.prompt_tokens() - 1);
  EXPECT_GE(applied.steered_generated_tokens(), 1);
}

TEST_F(ServerTest, EqualSeedsGiveEqualText) {
  const Answer first = Generate(Long());
  const Answer second = Generate(Long());
  ASSERT_TRUE(first.status.ok());
  EXPECT_EQ(first.ids, second.ids);
  EXPECT_EQ(first.text, second.text);
}

TEST_F(ServerTest, ARefusedGenerationHasNoMessageAndTellsTheField) {
  v1::GenerateRequest request = Long();
  request.add_controls()->set_signal("nobody");
  const Answer answer = Generate(request);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(answer.messages, 0);
  EXPECT_EQ(answer.detail.field(), "controls[0].signal");
  EXPECT_THAT(answer.status.error_message(), HasSubstr("nobody"));
}

TEST_F(ServerTest, TextAndTokensAreEachOthersInverse) {
  v1::TokenizeRequest request;
  request.mutable_prompt()->set_text("hello the user \xE2\x82\xAC");
  grpc::ClientContext context;
  v1::TokenizeResponse tokens;
  ASSERT_TRUE(model_->Tokenize(&context, request, &tokens).ok());
  EXPECT_EQ(tokens.ids_size(), tokens.pieces_size());
  v1::DetokenizeRequest back;
  *back.mutable_ids() = tokens.ids();
  grpc::ClientContext back_context;
  v1::DetokenizeResponse text;
  ASSERT_TRUE(model_->Detokenize(&back_context, back, &text).ok());
  EXPECT_EQ(text.text(), request.prompt().text());
  grpc::ClientContext model_context;
  v1::Model model;
  ASSERT_TRUE(model_->GetModel(&model_context, {}, &model).ok());
  EXPECT_EQ(model.hidden(), kHidden);
  EXPECT_EQ(model.sites_size(), 9);
}

}  // namespace
}  // namespace steer

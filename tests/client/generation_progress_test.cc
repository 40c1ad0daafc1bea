#include "client/generation_progress.h"

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;

v1::GenerateRequest Request() {
  v1::GenerateRequest request;
  request.mutable_prompt()->set_text("Once");
  request.mutable_sampling()->set_temperature(0.5);
  request.add_controls()->set_signal("loud");
  v1::Control& quiet = *request.add_controls();
  quiet.set_signal("quiet");
  quiet.set_multiplier(2);
  request.set_echo(true);
  return request;
}

v1::GenerateResponse Started(int max_tokens) {
  v1::GenerateResponse event;
  event.mutable_started()->set_request_id(7);
  event.mutable_started()->set_prompt_tokens(5);
  v1::Sampling& sampling = *event.mutable_started()->mutable_sampling();
  sampling.set_max_tokens(max_tokens);
  sampling.set_temperature(0.5);
  sampling.set_top_k(40);
  sampling.set_seed(99);
  sampling.set_prompt_log_probs(0);
  return event;
}

v1::GenerateResponse Prompt() {
  v1::GenerateResponse event;
  event.mutable_prompt()->set_text("Once");
  return event;
}

v1::GenerateResponse Tokens(std::initializer_list<int32_t> ids) {
  v1::GenerateResponse event;
  event.mutable_tokens()->mutable_ids()->Add(ids.begin(), ids.end());
  return event;
}

v1::UpdateGenerationResponse UpdatedAt(int position) {
  v1::UpdateGenerationResponse response;
  v1::UpdatedCompletion& completion = *response.add_completions();
  completion.set_position(position);
  completion.set_first_token(position - 4);
  return response;
}

v1::UpdateGenerationRequest Update(const std::string& signal, double multiplier) {
  v1::UpdateGenerationRequest update;
  update.set_signal(signal);
  update.set_multiplier(multiplier);
  return update;
}

TEST(GenerationProgressTest, BeforeAnythingWasToldTheRestIsTheRequest) {
  const auto rest = GenerationProgress(Request()).Rest();
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*rest, Request()));
}

TEST(GenerationProgressTest, GoesOnWithTheSameSeedAfterTheTokensThatCame) {
  GenerationProgress progress(Request());
  progress.Take(Started(10));
  progress.Take(Prompt());
  progress.Take(Tokens({11, 12}));
  progress.Take(Tokens({13}));
  const auto rest = progress.Rest();
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->sampling().seed(), 99u);
  EXPECT_EQ(rest->sampling().max_tokens(), 10);
  EXPECT_EQ(rest->sampling().top_k(), 40);
  EXPECT_THAT(rest->continue_tokens(), ElementsAre(11, 12, 13));
  EXPECT_EQ(rest->prompt().text(), "Once");
  EXPECT_EQ(rest->controls_size(), 2);
  EXPECT_FALSE(rest->echo()) << "the prompt has been told";
  EXPECT_FALSE(rest->sampling().has_prompt_log_probs());
}

TEST(GenerationProgressTest, AsksForThePromptAgainUntilItWasTold) {
  GenerationProgress progress(Request());
  progress.Take(Started(10));
  const auto rest = progress.Rest();
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_TRUE(rest->echo());
  EXPECT_TRUE(rest->sampling().has_prompt_log_probs());
  EXPECT_EQ(rest->sampling().seed(), 99u) << "nothing has come but the seed is drawn";
}

TEST(GenerationProgressTest, TheRestMayBreakOffAgain) {
  v1::GenerateRequest request = Request();
  request.add_continue_tokens(10);
  GenerationProgress progress(request);
  for (const int id : {11, 12}) {
    progress.Take(Started(10));
    progress.Take(Tokens({id}));
  }
  const auto rest = progress.Rest();
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_THAT(rest->continue_tokens(), ElementsAre(10, 11, 12));
}

TEST(GenerationProgressTest, ThereIsNoRestOfAWholeAnswer) {
  GenerationProgress full(Request());
  full.Take(Started(2));
  full.Take(Tokens({11, 12}));
  EXPECT_TRUE(absl::IsFailedPrecondition(full.Rest().status()));

  GenerationProgress ended(Request());
  ended.Take(Started(10));
  v1::GenerateResponse finished;
  finished.mutable_finished()->set_finish_reason("end_of_text");
  ended.Take(finished);
  EXPECT_TRUE(absl::IsFailedPrecondition(ended.Rest().status()));
}

TEST(GenerationProgressTest, SeveralCompletionsCannotBeResumed) {
  v1::GenerateRequest request = Request();
  request.set_n(2);
  GenerationProgress progress(request);
  EXPECT_TRUE(progress.Rest().ok()) << "nothing has come yet";
  progress.Take(Started(10));
  EXPECT_TRUE(absl::IsFailedPrecondition(progress.Rest().status()));
}

TEST(GenerationProgressTest, ABudgetIsSpentAgainUnlessItsMultipliersWereChanged) {
  v1::GenerateRequest request = Request();
  request.mutable_controls(1)->clear_multiplier();
  request.mutable_budget()->set_max_utility_loss(0.25);
  GenerationProgress progress(request);
  progress.Take(Started(10));
  progress.Take(Tokens({11}));
  const auto rest = progress.Rest();
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->budget().max_utility_loss(), 0.25);
  EXPECT_FALSE(rest->controls(1).has_multiplier());
  ASSERT_TRUE(progress.TakeUpdate(Update("quiet", 3), UpdatedAt(6)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(progress.Rest().status()));
}

TEST(GenerationProgressTest, ReplaysTheChangesOfMultipliers) {
  GenerationProgress progress(Request());
  progress.Take(Started(10));
  ASSERT_TRUE(progress.TakeUpdate(Update("quiet", 3), UpdatedAt(6)).ok());
  v1::UpdateGenerationRequest bias;
  bias.set_signal("quiet");
  bias.set_bias_multiplier(-1);
  ASSERT_TRUE(progress.TakeUpdate(bias, UpdatedAt(8)).ok());
  progress.Take(Tokens({11}));
  const auto rest = progress.Rest();
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_TRUE(rest->controls(0).changes().empty());
  EXPECT_EQ(rest->controls(1).multiplier(), 2);
  const auto& changes = rest->controls(1).changes();
  ASSERT_EQ(changes.size(), 2);
  EXPECT_EQ(changes[0].position(), 6);
  EXPECT_EQ(changes[0].multiplier(), 3);
  EXPECT_FALSE(changes[0].has_bias_multiplier());
  EXPECT_EQ(changes[1].position(), 8);
  EXPECT_EQ(changes[1].multiplier(), 3) << "as it was";
  EXPECT_EQ(changes[1].bias_multiplier(), -1);
}

TEST(GenerationProgressTest, OfTwoChangesAtOnePositionTheSecondActs) {
  GenerationProgress progress(Request());
  progress.Take(Started(10));
  ASSERT_TRUE(progress.TakeUpdate(Update("loud", 3), UpdatedAt(6)).ok());
  ASSERT_TRUE(progress.TakeUpdate(Update("loud", 4), UpdatedAt(6)).ok());
  ASSERT_TRUE(progress.TakeUpdate(Update("quiet", 5), UpdatedAt(0)).ok());
  const auto rest = progress.Rest();
  ASSERT_TRUE(rest.ok()) << rest.status();
  ASSERT_EQ(rest->controls(0).changes_size(), 1);
  EXPECT_EQ(rest->controls(0).changes(0).multiplier(), 4);
  EXPECT_EQ(rest->controls(1).multiplier(), 5) << "it acted from the beginning";
  EXPECT_TRUE(rest->controls(1).changes().empty());
}

TEST(GenerationProgressTest, RefusesAChangeItCannotReplay) {
  GenerationProgress progress(Request());
  progress.Take(Started(10));
  EXPECT_TRUE(absl::IsNotFound(progress.TakeUpdate(Update("nobody", 1), UpdatedAt(6))));
  v1::UpdateGenerationRequest bias;
  bias.set_signal("loud");
  bias.set_bias_multiplier(1);
  EXPECT_TRUE(absl::IsFailedPrecondition(progress.TakeUpdate(bias, UpdatedAt(6))))
      << "m1 of loud is the signal's own";
}

}  // namespace
}  // namespace steer

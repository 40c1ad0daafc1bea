#include "client/steerctl/answer.h"

#include "client/steerctl/completion_printer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CompletionPrinterTest : public testing::Test {
 protected:
  std::function<void(absl::string_view)> Print() {
    return [this](absl::string_view text) { out_.append(text.data(), text.size()); };
  }
  std::string out_;
};

TEST_F(CompletionPrinterTest, OneStandsAlone) {
  CompletionPrinter printer(1, Print());
  printer.Add(0, "one");
  EXPECT_EQ(out_, "one");
  printer.Add(0, " two");
  printer.Finish(0);
  printer.Close();
  EXPECT_EQ(out_, "one two\n");
}

TEST_F(CompletionPrinterTest, AnEmptyAnswerIsALine) {
  CompletionPrinter printer(1, Print());
  printer.Finish(0);
  printer.Close();
  EXPECT_EQ(out_, "\n");
}

TEST_F(CompletionPrinterTest, NothingCame) {
  CompletionPrinter printer(2, Print());
  printer.Close();
  EXPECT_EQ(out_, "");
}

TEST_F(CompletionPrinterTest, InterleavedTextComesOutInOrder) {
  CompletionPrinter printer(3, Print());
  printer.Add(1, "b1");
  printer.Add(0, "a1");
  printer.Add(2, "c1");
  EXPECT_EQ(out_, "--- completion 0 ---\na1");
  printer.Finish(2);
  printer.Add(0, "a2");
  printer.Finish(0);
  // The next one streams from here on.
  printer.Add(1, "b2");
  EXPECT_EQ(out_, "--- completion 0 ---\na1a2\n\n--- completion 1 ---\nb1b2");
  printer.Finish(1);
  printer.Close();
  EXPECT_EQ(out_,
            "--- completion 0 ---\na1a2\n\n--- completion 1 ---\nb1b2\n\n--- completion 2 ---\n"
            "c1\n");
}

TEST_F(CompletionPrinterTest, WhatWaitsIsShownWhenTheStreamBreaksOff) {
  CompletionPrinter printer(3, Print());
  printer.Add(0, "a");
  printer.Add(2, "c");
  printer.Close();
  EXPECT_EQ(out_, "--- completion 0 ---\na\n\n--- completion 2 ---\nc\n");
}

v1::GenerationFinished Finished(int completion) {
  v1::GenerationFinished end;
  end.set_completion(completion);
  end.set_finish_reason("length");
  end.mutable_usage()->set_prompt_tokens(40);
  end.mutable_usage()->set_generated_tokens(12);
  end.mutable_usage()->set_reused_prompt_tokens(32);
  v1::AppliedControl& applied = *end.mutable_receipt()->add_controls();
  applied.mutable_control()->set_signal("loud");
  applied.mutable_control()->set_multiplier(2);
  v1::MultiplierChange& change = *applied.add_changes();
  change.set_position(42);
  change.set_multiplier(-1);
  return end;
}

TEST(NoteTest, TellsReuseAndChangedMultipliers) {
  Answer answer;
  answer.completions[0].finished = Finished(0);
  const std::string note = Note(answer);
  EXPECT_THAT(note, HasSubstr("32 of 40 prompt tokens reused"));
  // Token i comes out of position prompt_tokens - 1 + i.
  EXPECT_THAT(note, HasSubstr("loud () x 2, x -1 from token 3 on,"));
  EXPECT_THAT(note, Not(HasSubstr("left out")));
  EXPECT_THAT(note, Not(HasSubstr("completion")));

  answer.started.set_truncated_tokens(6);
  v1::AppliedControl& applied =
      *answer.completions[0].finished.mutable_receipt()->mutable_controls(0);
  applied.mutable_changes(0)->set_position(20);
  EXPECT_THAT(Note(answer), HasSubstr("6 prompt tokens left out\n"));
  EXPECT_THAT(Note(answer), HasSubstr("x -1 from prompt position 20 on"));
}

TEST(NoteTest, HasALineForEachCompletion) {
  Answer answer;
  for (const int i : {0, 1}) answer.completions[i].finished = Finished(i);
  EXPECT_THAT(Note(answer), HasSubstr("completion 0: 12 tokens"));
  EXPECT_THAT(Note(answer), HasSubstr("\ncompletion 1: 12 tokens"));
}

v1::GenerateRequest BudgetedRequest() {
  v1::GenerateRequest request;
  request.add_controls()->set_signal("polite");
  request.add_controls()->set_signal("rude");
  request.mutable_budget()->set_max_utility_loss(0.3);
  request.mutable_budget()->add_less_preference("rude");
  return request;
}

TEST(ControlsTextTest, TellsTheBudgetOfSignals) {
  EXPECT_EQ(ControlsText(BudgetedRequest()), "polite, less rude, within 0.3 nats");
}

TEST(PlainTwinTest, HasNeitherSignalsNorABudget) {
  Answer answer;
  answer.started.mutable_sampling()->set_seed(7);
  const v1::GenerateRequest twin = PlainTwin(BudgetedRequest(), answer);
  EXPECT_TRUE(twin.controls().empty());
  EXPECT_FALSE(twin.has_budget());
  EXPECT_EQ(twin.sampling().seed(), 7u);
}

TEST(NoteTest, TellsWhatABudgetBought) {
  Answer answer;
  for (const int i : {0, 1}) {
    answer.completions[i].finished = Finished(i);
    v1::BudgetReceipt& budget = *answer.completions[i].finished.mutable_receipt()->mutable_budget();
    budget.set_max_utility_loss(0.3);
    budget.set_preference_gain(1.25);
    budget.set_utility_loss(0.2875);
    v1::BudgetShare& share = *budget.add_shares();
    share.set_curve_id(std::string(64, 'c'));
    share.set_multiplier(1.375);
    share.set_preference_gain(1.25);
    share.set_utility_loss(0.2875);
    share.set_from_points(true);
  }
  const std::string note = Note(answer);
  EXPECT_THAT(note,
              testing::EndsWith(
                  "\nbudget of 0.3 nats, predicted: gain of preference +1.2500, loss of utility "
                  "+0.2875\n  loud x 1.375 by curve cccccccccccc: gain +1.2500, loss +0.2875, "
                  "between measured points"))
      << "once for both completions";
  EXPECT_EQ(note.find("budget of"), note.rfind("budget of"));

  v1::BudgetReceipt& budget = *answer.completions[0].finished.mutable_receipt()->mutable_budget();
  budget.set_assumed_additive(true);
  budget.mutable_shares(0)->clear_preference_gain();
  budget.mutable_shares(0)->clear_utility_loss();
  budget.mutable_shares(0)->set_from_points(false);
  budget.add_shares()->set_signal_id("nameless");
  EXPECT_THAT(Note(answer), HasSubstr("+0.2875, assuming that the signals' add up\n"
                                      "  loud x 1.375 by curve cccccccccccc\n  nameless x 0"));
}

TEST(AnswerToJsonTest, OneCompletionLiesFlatAndSeveralInAList) {
  Answer answer;
  answer.started.set_request_id(7);
  answer.completions[0].tokens.set_text("a");
  answer.completions[0].tokens.add_ids(3);
  answer.completions[0].finished = Finished(0);
  auto json = ToJson(answer);
  EXPECT_EQ(json["started"]["request_id"], 7);
  EXPECT_EQ(json["text"], "a");
  EXPECT_EQ(json["ids"][0], 3);
  EXPECT_EQ(json["finished"]["finish_reason"], "length");
  for (const char* absent : {"completions", "prompt", "log_probs", "top_log_probs"}) {
    EXPECT_FALSE(json.contains(absent)) << absent;
  }

  answer.prompt.emplace().set_text("p");
  answer.completions[1].tokens.set_text("b");
  answer.completions[1].tokens.add_log_probs(-1);
  answer.completions[1].tokens.add_top_log_probs()->add_tokens()->set_id(4);
  json = ToJson(answer);
  EXPECT_EQ(json["prompt"]["text"], "p");
  EXPECT_FALSE(json.contains("text"));
  ASSERT_EQ(json["completions"].size(), 2u);
  EXPECT_EQ(json["completions"][1]["text"], "b");
  EXPECT_EQ(json["completions"][1]["log_probs"][0], -1);
  EXPECT_EQ(json["completions"][1]["top_log_probs"][0]["tokens"][0]["id"], 4);
}

}  // namespace
}  // namespace steer

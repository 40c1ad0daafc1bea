// What a generation may ask for, through the runtime and the tiny model in f32.

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/runtime_fixture.h"

namespace steer {
namespace {

using testing::Each;
using testing::Gt;
using testing::SizeIs;

class GenerationTest : public RuntimeFixture {};

TEST_F(GenerationTest, CompletionsShareAPromptAndDrawForThemselves) {
  GenerateSpec spec = Sampled(LongText(12), /*seed=*/5);
  const Answer one = Generate(spec);
  spec.n = 4;
  const std::vector<Answer> four = GenerateAll(spec);
  ASSERT_THAT(four, SizeIs(4));
  EXPECT_EQ(four[0].tokens, one.tokens);
  std::set<std::vector<TokenId>> distinct;
  for (const Answer& answer : four) distinct.insert(answer.tokens);
  EXPECT_THAT(distinct, SizeIs(4));
  for (int i = 1; i < 4; ++i) EXPECT_GT(four[i].finished.reused_prompt_tokens, 0) << i;
  // Completion 3 is the same whoever its neighbours are.
  spec.n = 5;
  EXPECT_EQ(GenerateAll(spec)[3].tokens, four[3].tokens);
}

TEST_F(GenerationTest, APrefixIsFoundAgainWhereTheSameActedOnIt) {
  const std::string id = MustRegister(Vector(3));
  GenerateSpec spec = Greedy(LongText(12));
  const Answer cold = Generate(spec);
  EXPECT_EQ(cold.finished.reused_prompt_tokens, 0);
  const Answer warm = Generate(spec);
  EXPECT_EQ(warm.tokens, cold.tokens);
  const int whole = warm.finished.reused_prompt_tokens;
  EXPECT_GT(whole, cold.admitted.prompt_tokens - 2 * 16);
  // "Generated" is the last prompt position and later: the blocks before are the plain prompt's.
  spec.controls = {{.signal = id, .multiplier = 1.0, .positions = PositionRule{.prompt = false}}};
  const Answer generated_only = Generate(spec);
  EXPECT_EQ(generated_only.finished.reused_prompt_tokens, whole);
  EXPECT_EQ(generated_only.finished.steered[0].prompt, 0);
  // On the prompt it acts, with one multiplier or another: nothing is shared.
  spec.controls[0].positions = PositionRule{};
  const Answer steered = Generate(spec);
  EXPECT_EQ(steered.finished.reused_prompt_tokens, 0);
  spec.controls[0].multiplier = 1.5;
  EXPECT_EQ(Generate(spec).finished.reused_prompt_tokens, 0);
  // The same again: shared, and the receipt counts what was taken over.
  spec.controls[0].multiplier = 1.0;
  const Answer again = Generate(spec);
  EXPECT_EQ(again.tokens, steered.tokens);
  EXPECT_EQ(again.finished.reused_prompt_tokens, whole);
  EXPECT_EQ(again.finished.steered[0].prompt, steered.finished.steered[0].prompt);
  EXPECT_EQ(again.finished.steered[0].generated, steered.finished.steered[0].generated);
  EXPECT_EQ(again.finished.steered[0].reused, whole);
  // 0 is plain: it shares the plain prompt's blocks.
  spec.controls[0].multiplier = 0.0;
  EXPECT_EQ(Generate(spec).finished.reused_prompt_tokens, whole);
}

TEST_F(GenerationTest, WithoutThePrefixCacheNothingIsReusedAndNothingChanges) {
  const GenerateSpec spec = Greedy(LongText(12));
  const Answer with = Generate(spec);
  options_.prefix_cache = false;
  runtime_.reset();
  Start();
  EXPECT_EQ(Generate(spec).tokens, with.tokens);
  const Answer again = Generate(spec);
  EXPECT_EQ(again.tokens, with.tokens);
  EXPECT_EQ(again.finished.reused_prompt_tokens, 0);
  EXPECT_EQ(runtime_->pools()[0].engine.kv_blocks_cached, 0);
}

TEST_F(GenerationTest, AResumedAnswerIsTheRestOfTheWhole) {
  const std::string id = MustRegister(Vector(3));
  GenerateSpec spec = Sampled("hello the user", /*seed=*/11, /*max_tokens=*/20);
  spec.sampling.repetition_penalty = 1.3;
  spec.sampling.ignore_eos = true;
  spec.controls = {{.signal = id,
                    .multiplier = 1.0,
                    .positions = PositionRule{.prompt = false},
                    .changes = {{.position = 12, .m1 = -1.0, .m2 = -1.0}}}};
  const Answer whole = Generate(spec);
  ASSERT_THAT(whole.tokens, SizeIs(20));
  for (const int told : {1, 7, 19}) {
    spec.continue_tokens.assign(whole.tokens.begin(), whole.tokens.begin() + told);
    const Answer rest = Generate(spec);
    EXPECT_EQ(rest.tokens, std::vector<TokenId>(whole.tokens.begin() + told, whole.tokens.end()));
    EXPECT_EQ(rest.finished.generated_tokens, 20 - told);
    EXPECT_EQ(rest.finished.prompt_tokens, whole.finished.prompt_tokens);
    // The resumed part is of the generated stage, and counted.
    EXPECT_EQ(rest.finished.steered[0].generated, whole.finished.steered[0].generated);
  }
}

TEST_F(GenerationTest, RefusesToResumeWhatCannotGoOn) {
  GenerateSpec spec = Greedy("hello", 4);
  spec.continue_tokens = {1, 2, 3, 4};
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "continue_tokens");
  spec.continue_tokens = {1, -1};
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "continue_tokens[1]");
  spec.continue_tokens = {1};
  spec.n = 2;
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "continue_tokens");
}

// A change at a position is the same whether the request brings it along or a caller makes it while
// the request runs.
TEST_F(GenerationTest, AMultiplierChangesBetweenTwoStepsAndTheReceiptTells) {
  const std::string id = MustRegister(Vector(3));
  ASSERT_TRUE(runtime_->signals().SetAlias("mood", id, std::nullopt).ok());
  GenerateSpec spec = Greedy("hello the user", 300);
  spec.sampling.ignore_eos = true;
  spec.controls = {{.signal = "mood", .multiplier = 0.0}};
  const auto sink = std::make_shared<RecordingSink>();
  const auto admitted = runtime_->Generate(spec, {sink});
  ASSERT_TRUE(admitted.ok()) << admitted.status();
  const auto updated = runtime_->UpdateGeneration(admitted->id, "mood", 2.0, std::nullopt);
  ASSERT_TRUE(updated.ok()) << updated.status();
  ASSERT_THAT(*updated, SizeIs(1));
  const int position = updated->front().position;
  EXPECT_EQ(updated->front().first_token, std::max(0, position - admitted->prompt_tokens + 1));
  const FinishedEvent finished = sink->Wait();
  std::vector<TokenId> live;
  for (const TokenEvent& token : sink->tokens()) live.push_back(token.token);
  const std::vector<MultiplierRun> expected =
      position == 0 ? std::vector<MultiplierRun>{{0, 2.0, 2.0}}
                    : std::vector<MultiplierRun>{{0, 0.0, 0.0}, {position, 2.0, 2.0}};
  ASSERT_THAT(finished.multipliers, SizeIs(1));
  EXPECT_EQ(finished.multipliers[0], expected);
  EXPECT_EQ(finished.steered[0].prompt + finished.steered[0].generated,
            admitted->prompt_tokens + 300 - 1 - position);

  if (position == 0) {
    spec.controls[0].multiplier = 2.0;
  } else {
    spec.controls[0].changes = {{.position = position, .m1 = 2.0, .m2 = 2.0}};
  }
  EXPECT_EQ(Generate(spec).tokens, live);
  EXPECT_EQ(runtime_->UpdateGeneration(admitted->id, "mood", 1.0, std::nullopt).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(GenerationTest, AnUpdateNamesWhatItCannotFindOrUse) {
  const std::string id = MustRegister(Vector(3));
  GenerateSpec spec = Greedy("hello", 400);
  spec.sampling.ignore_eos = true;
  spec.controls = {{.signal = id}};
  const auto sink = std::make_shared<RecordingSink>();
  const auto admitted = runtime_->Generate(spec, {sink});
  ASSERT_TRUE(admitted.ok());
  const auto field = [&](const std::string& signal, std::optional<double> m1,
                         std::optional<double> m2) {
    const auto updated = runtime_->UpdateGeneration(admitted->id, signal, m1, m2);
    EXPECT_FALSE(updated.ok());
    return DetailOf(updated.status()).value_or(ErrorDetail{}).field;
  };
  EXPECT_EQ(field("nobody", 1.0, std::nullopt), "signal");
  EXPECT_EQ(field(id, std::nan(""), std::nullopt), "multiplier");
  EXPECT_EQ(field(id, std::nullopt, 1e9), "bias_multiplier");
  EXPECT_TRUE(runtime_->UpdateGeneration(admitted->id, id, std::nullopt, 0.5).ok());
  runtime_->Cancel(admitted->id);
  const FinishedEvent finished = sink->Wait();
  // m1 stayed at the signal's default while m2 changed.
  EXPECT_EQ(finished.multipliers[0].back().m1, 1.0);
  EXPECT_EQ(finished.multipliers[0].back().m2, 0.5);
}

TEST_F(GenerationTest, PromptLogProbabilitiesAreThoseOfGeneration) {
  GenerateSpec spec = Greedy("hello the user", 8);
  spec.sampling.log_probs = true;
  spec.sampling.top_log_probs = 3;
  spec.sampling.ignore_eos = true;
  const auto first = std::make_shared<RecordingSink>();
  ASSERT_TRUE(runtime_->Generate(spec, {first}).ok());
  first->Wait();
  const auto prompt = runtime_->Tokenize(spec.prompt);
  ASSERT_TRUE(prompt.ok());

  GenerateSpec judged;
  judged.prompt.token_ids = prompt->tokens;
  for (const TokenEvent& token : first->tokens()) judged.prompt.token_ids.push_back(token.token);
  judged.sampling.temperature = 0;
  judged.sampling.max_tokens = 1;
  judged.sampling.prompt_log_probs = 3;
  for (const bool again : {false, true}) {  // what the cache holds does not help, and is not used
    const auto sink = std::make_shared<RecordingSink>();
    const auto admitted = runtime_->Generate(judged, {sink});
    ASSERT_TRUE(admitted.ok()) << admitted.status();
    EXPECT_EQ(sink->Wait().reused_prompt_tokens, 0) << again;
    ASSERT_TRUE(admitted->prompt.has_value());
    EXPECT_EQ(admitted->prompt->tokens, judged.prompt.token_ids);
    const std::vector<PromptEvent> told = sink->prompts();
    ASSERT_THAT(told, SizeIs(1));
    ASSERT_EQ(told[0].log_probs.size(), judged.prompt.token_ids.size() - 1);
    ASSERT_EQ(told[0].top.size(), told[0].log_probs.size());
    const size_t offset = told[0].log_probs.size() - 8;
    for (size_t i = 0; i < 8; ++i) {
      const TokenEvent token = first->tokens()[i];
      EXPECT_NEAR(told[0].log_probs[offset + i], *token.log_prob, 1e-4);
      ASSERT_THAT(token.top, SizeIs(3));
      EXPECT_EQ(token.top[0].token, token.token);  // greedy
      EXPECT_NEAR(told[0].top[offset + i][1].log_prob, token.top[1].log_prob, 1e-4);
    }
  }
}

TEST_F(GenerationTest, ALongPromptIsShortenedAsAsked) {
  const int limit = runtime_->model().context_limit;
  GenerateSpec spec = Greedy("", 8);
  spec.prompt.text.reset();
  for (int i = 0; i < limit + 20; ++i) spec.prompt.token_ids.push_back(i % 60);
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "prompt");
  spec.echo = true;
  for (const Truncation truncation : {Truncation::kDropFirst, Truncation::kDropLast}) {
    spec.truncation = truncation;
    const Answer answer = Generate(spec);
    EXPECT_EQ(answer.admitted.prompt_tokens, limit - 8);
    EXPECT_EQ(answer.admitted.truncated_tokens, 28);
    ASSERT_TRUE(answer.admitted.prompt.has_value());
    const std::vector<TokenId>& all = spec.prompt.token_ids;
    const std::vector<TokenId> kept =
        truncation == Truncation::kDropLast
            ? std::vector<TokenId>(all.begin(), all.begin() + limit - 8)
            : std::vector<TokenId>(all.begin() + 28, all.end());
    EXPECT_EQ(answer.admitted.prompt->tokens, kept);
  }
  spec.sampling.max_tokens = limit;
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "sampling.max_tokens");
}

TEST_F(GenerationTest, AChatKeepsItsHeadAndItsEnd) {
  GenerateSpec spec = Greedy("", 8);
  spec.prompt.text.reset();
  spec.prompt.messages = {{"user", LongText(200)}};
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "prompt");
  spec.truncation = Truncation::kDropLast;
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "truncation");
  spec.truncation = Truncation::kDropFirst;
  spec.echo = true;
  const Answer answer = Generate(spec);
  ASSERT_TRUE(answer.admitted.prompt.has_value());
  const auto whole = runtime_->Tokenize({.messages = spec.prompt.messages});
  ASSERT_TRUE(whole.ok());
  const std::vector<TokenId>& kept = answer.admitted.prompt->tokens;
  EXPECT_EQ(kept.size(), static_cast<size_t>(runtime_->model().context_limit - 8));
  EXPECT_GT(whole->head_length, 0);
  EXPECT_TRUE(std::equal(kept.begin(), kept.begin() + whole->head_length, whole->tokens.begin()));
  EXPECT_TRUE(std::equal(kept.begin() + whole->head_length, kept.end(),
                         whole->tokens.end() - (kept.size() - whole->head_length)));
}

TEST_F(GenerationTest, MaxTokensIsWhatTheContextHoldsIfNobodySays) {
  GenerateSpec spec = Greedy("");
  spec.prompt.text.reset();
  spec.prompt.token_ids.assign(runtime_->model().context_limit - 5, 3);
  spec.sampling.max_tokens.reset();
  EXPECT_EQ(Generate(spec).admitted.sampling.max_tokens, 5);
  spec.sampling.min_tokens = 6;
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "sampling.min_tokens");
}

TEST_F(GenerationTest, APromptThatCannotBeComputedInTimeIsRefusedAtOnce) {
  GenerateSpec spec = Greedy(LongText(12));
  spec.deadline.reset();
  Generate(spec);
  spec.prompt.text = "another " + LongText(12);
  spec.deadline = Clock::now() + std::chrono::microseconds(1);
  EXPECT_EQ(Refused(spec, absl::StatusCode::kDeadlineExceeded).reason, "PROMPT_TAKES_TOO_LONG");
  spec.deadline = Clock::now() + std::chrono::hours(1);
  EXPECT_TRUE(Generate(spec).finished.status.ok());
}

TEST_F(GenerationTest, MoreThanMayBeInFlightIsToldWhenToComeBack) {
  options_.max_in_flight = 3;
  runtime_.reset();
  Start();
  GenerateSpec spec = Greedy("hello", 400);
  spec.sampling.ignore_eos = true;
  const auto sink = std::make_shared<RecordingSink>();
  const auto admitted = runtime_->Generate(spec, {sink});
  ASSERT_TRUE(admitted.ok()) << admitted.status();
  spec.n = 3;
  const auto refused = runtime_->Generate(spec, std::vector<std::shared_ptr<EventSink>>(3, sink));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(RetryDelayMs(refused.status()).has_value());
  runtime_->Cancel(admitted->id);
  sink->Wait();
  while (runtime_->in_flight() != 0) std::this_thread::yield();
  for (const Answer& answer : GenerateAll(spec)) EXPECT_TRUE(answer.finished.status.ok());
}

// The pool holds about half of what all sequences need: they make room for each other.
TEST_F(GenerationTest, SequencesThatMakeRoomAnswerAsIfAlone) {
  options_.kv_cache_mib = 1;
  runtime_.reset();
  Start();
  const std::string id = MustRegister(Vector(2));
  const int blocks = runtime_->pools()[0].engine.kv_blocks_total;
  const int tokens = std::min(runtime_->model().context_limit - 40, blocks * 16 / 3);
  std::vector<GenerateSpec> specs;
  for (int i = 0; i < 8; ++i) {
    GenerateSpec spec = Sampled(LongText(1 + i % 3), /*seed=*/i, tokens);
    spec.sampling.ignore_eos = true;
    if (i % 2 == 1) spec.controls = {{.signal = id, .multiplier = 0.5 * i}};
    specs.push_back(spec);
  }
  std::vector<std::vector<TokenId>> alone;
  for (const GenerateSpec& spec : specs) alone.push_back(Generate(spec).tokens);
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (const GenerateSpec& spec : specs) {
    sinks.push_back(std::make_shared<RecordingSink>());
    ASSERT_TRUE(runtime_->Generate(spec, {sinks.back()}).ok());
  }
  int preemptions = 0;
  for (size_t i = 0; i < specs.size(); ++i) {
    const FinishedEvent finished = sinks[i]->Wait();
    EXPECT_TRUE(finished.status.ok()) << finished.status;
    preemptions += finished.preemptions;
    std::vector<TokenId> together;
    for (const TokenEvent& token : sinks[i]->tokens()) together.push_back(token.token);
    EXPECT_EQ(together, alone[i]) << i;
  }
  EXPECT_GT(preemptions, 0);
  EXPECT_EQ(runtime_->pools()[0].engine.preemptions, preemptions);
}

}  // namespace
}  // namespace steer

// What is computed once for several requests, and what is not.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/simulation.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

std::vector<TokenId> Tokens(int count, int first = 1000) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(first + i);
  return tokens;
}

std::unique_ptr<Request> Ask(Simulation& simulation, std::vector<TokenId> prompt,
                             ControlSet controls = {}, int max_tokens = 1) {
  auto request = GenerateRequest(simulation.next_id(), static_cast<int>(prompt.size()), max_tokens,
                                 simulation.NewSink());
  request->tokens = std::move(prompt);
  request->controls = std::move(controls);
  return request;
}

// Runs the request to its end; answers how many positions of its prompt were found.
int Reused(Simulation& simulation, std::unique_ptr<Request> request) {
  const RequestId id = simulation.Add(std::move(request));
  simulation.Drain();
  return simulation.Event(id).reused_prompt_tokens;
}

TEST(SchedulerPrefixTest, EqualPromptsShareAllButTheLastPosition) {
  Simulation simulation(Roomy());  // blocks of 4
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(12))), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(12))), 8);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13))), 12);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(7))), 4);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(12, 1001))), 0);
  EXPECT_EQ(simulation.scheduler.counts().reused_tokens, 24);
  // The prompts, less what was found.
  EXPECT_EQ(simulation.runner.computed(), 12 + 4 + 1 + 3 + 12);
  EXPECT_EQ(simulation.scheduler.block_pools()[0].used(), 0);
  EXPECT_EQ(simulation.scheduler.block_pools()[0].cached(), 6);
}

TEST(SchedulerPrefixTest, WithoutACacheNothingIsFound) {
  SchedulerOptions options = Roomy();
  options.prefix_cache = false;
  Simulation simulation(options);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(12))), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(12))), 0);
  EXPECT_EQ(simulation.scheduler.block_pools()[0].cached(), 0);
}

TEST(SchedulerPrefixTest, ABlockIsSharedByWhatActedOnItNotByWhatWasAsked) {
  const PositionRule generated_only = {.prompt = false};
  Simulation simulation(Roomy());
  // Steers position 7, its last, which the longer prompt does not.
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(8), {Steering("s", 1, generated_only)}, 6)),
            0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(12), {Steering("s", 1, generated_only)})), 4);
  // Nothing acts on the first blocks: they are the plain model's, whoever asks.
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {Steering("s", 0)})), 8);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {Steering("t", 2, generated_only)})),
            12);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13))), 12);
  // Here something does.
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {Steering("s", 1)})), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {Steering("s", 1)})), 12);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {Steering("s", 2)})), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {Steering("t", 1)})), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {Steering("s", 1), Steering("t", 1)})),
            0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {Steering("t", 1), Steering("s", 1)})),
            0);
}

TEST(SchedulerPrefixTest, TenantsShareNothing) {
  Simulation simulation(Roomy());
  for (const int expected : {0, 8}) {
    for (const char* tenant : {"", "one", "two"}) {
      auto request = Ask(simulation, Tokens(12));
      request->tenant = tenant;
      EXPECT_EQ(Reused(simulation, std::move(request)), expected) << tenant;
    }
  }
}

TEST(SchedulerPrefixTest, WhatWasTakenOverIsInTheProofOfWhatActed) {
  Simulation simulation(Roomy());
  const PositionRule no_head = {.exclude_template_head = true};
  for (const int reused : {0, 8}) {
    auto request = Ask(simulation, Tokens(12), {Steering("s", 1, no_head)}, 3);
    request->layout.head_length = 2;
    const RequestId id = simulation.Add(std::move(request));
    simulation.Drain();
    const FinishedEvent event = simulation.Event(id);
    EXPECT_EQ(event.reused_prompt_tokens, reused);
    EXPECT_EQ(event.steered[0].prompt, 9);
    EXPECT_EQ(event.steered[0].generated, 3);
    EXPECT_EQ(event.steered[0].reused, reused == 0 ? 0 : reused - 2);
  }
}

TEST(SchedulerPrefixTest, WhatIsToldOfAPositionNeedsItComputed) {
  Simulation simulation(Roomy());
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(17))), 0);
  auto request = Ask(simulation, Tokens(17));
  request->sampling.prompt_log_probs = 1;
  const RequestId id = simulation.Add(std::move(request));
  simulation.Drain();
  EXPECT_EQ(simulation.Event(id).reused_prompt_tokens, 0);
  ASSERT_EQ(simulation.sinks[id]->prompts().size(), 1U);
  EXPECT_EQ(simulation.sinks[id]->prompts()[0].log_probs.size(), 16U);
  EXPECT_EQ(simulation.sinks[id]->prompts()[0].top.size(), 16U);

  // Ten of the tokens are the prompt, seven are judged, from position 9 on.
  request = Ask(simulation, Tokens(17));
  request->kind = RequestKind::kScoring;
  request->layout.prompt_length = 10;
  const RequestId scored = simulation.Add(std::move(request));
  simulation.Drain();
  EXPECT_EQ(simulation.Event(scored).reused_prompt_tokens, 8);
  EXPECT_EQ(simulation.Event(scored).forced_log_probs.size(), 7U);
}

TEST(SchedulerPrefixTest, AnAnswerIsAPrefixOfTheNextPrompt) {
  Simulation simulation(Roomy());
  const RequestId id = simulation.Add(Ask(simulation, Tokens(5), {}, 8));
  simulation.Drain();
  std::vector<TokenId> dialogue = Tokens(5);
  for (const TokenEvent& token : simulation.sinks[id]->tokens()) dialogue.push_back(token.token);
  dialogue.push_back('?');
  // Twelve positions of the first were computed, the last of its tokens never was.
  EXPECT_EQ(Reused(simulation, Ask(simulation, dialogue)), 12);
}

TEST(SchedulerPrefixTest, EqualPromptsAtOnceAreComputedOnce) {
  SchedulerOptions options = Roomy();
  for (const int step_tokens : {64, 10, 8}) {
    options.step_tokens = step_tokens;
    Simulation simulation(options);
    for (int i = 0; i < 5; ++i) simulation.Add(Ask(simulation, Tokens(33), {Steering("s", 1)}));
    const RequestId other = simulation.Add(Ask(simulation, Tokens(33)));
    simulation.Drain();
    EXPECT_EQ(simulation.Event(other).reused_prompt_tokens, 0);
    EXPECT_EQ(simulation.scheduler.counts().reused_tokens, 4 * 32) << step_tokens;
    EXPECT_EQ(simulation.runner.computed(), 33 + 4 + 33) << step_tokens;
  }
}

TEST(SchedulerPrefixTest, WhoWaitsForAFailedStepComputesItself) {
  bool fail = true;
  Simulation simulation(Roomy(), [&](const Batch&) {
    return std::exchange(fail, false) ? absl::InternalError("planted") : absl::OkStatus();
  });
  const RequestId failed = simulation.Add(Ask(simulation, Tokens(33)));
  const RequestId waited = simulation.Add(Ask(simulation, Tokens(33)));
  simulation.Drain();
  EXPECT_EQ(simulation.Event(failed).reason, FinishReason::kError);
  EXPECT_EQ(simulation.Event(waited).reason, FinishReason::kLength);
  EXPECT_EQ(simulation.Event(waited).reused_prompt_tokens, 0);
}

TEST(SchedulerPrefixTest, AChangeOfMultipliersIsPartOfTheKey) {
  SchedulerOptions options = Roomy();
  options.step_tokens = 6;
  Simulation simulation(options);
  const RequestId id = simulation.Add(Ask(simulation, Tokens(13), {Steering("s", 1)}));
  EXPECT_EQ(simulation.scheduler.SetMultipliers(id, 1, 3, 3), std::nullopt);
  EXPECT_EQ(simulation.scheduler.SetMultipliers(id + 1, 0, 3, 3), std::nullopt);
  simulation.Step();
  EXPECT_EQ(simulation.scheduler.SetMultipliers(id, 0, 3, 2), 6);
  simulation.Drain();
  EXPECT_EQ(simulation.scheduler.SetMultipliers(id, 0, 3, 2), std::nullopt);
  EXPECT_THAT(simulation.Event(id).multipliers,
              ElementsAre(ElementsAre(MultiplierRun{0, 1, 1}, MultiplierRun{6, 3, 2})));
  const auto changing = [](int position) {
    ControlEntry control = Steering("s", 1);
    SetMultipliers(control, position, 3, 2);
    return control;
  };
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {Steering("s", 1)})), 4);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {changing(6)})), 12);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(13), {changing(7)})), 4);
}

TEST(SchedulerPrefixTest, TheLeastRecentlyUsedIsForgottenFirst) {
  SchedulerOptions options = Roomy();
  options.groups = {{.block_count = 6}};
  Simulation simulation(options);
  // Each computes two blocks and a bit.
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(9, 100))), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(9, 200))), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(9, 100))), 8);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(9, 300))), 0);
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(9, 100))), 8);
  // Of the second prompt the end went, the beginning is still there.
  EXPECT_EQ(Reused(simulation, Ask(simulation, Tokens(9, 200))), 4);
}

TEST(SchedulerPrefixTest, TheIndexHearsWhatComesAndGoes) {
  SchedulerOptions options = Roomy();
  options.groups = {{.block_count = 3}};
  options.cache_format = "f32";
  options.prefix_index = std::make_shared<PrefixIndex>();
  Simulation simulation(options);
  const auto keys = [](int first) {
    std::vector<BlockKey> keys = {RootKey("", "f32")};
    for (int block = 0; block < 2; ++block) {
      keys.push_back(NextKey(keys.back(), Tokens(4, first + 4 * block), 4 * block, {}, {9, 0}));
    }
    keys.erase(keys.begin());
    return keys;
  };
  EXPECT_EQ(options.prefix_index->Match(keys(100)), 0);
  Reused(simulation, Ask(simulation, Tokens(9, 100)));
  EXPECT_EQ(options.prefix_index->Match(keys(100)), 2);
  Reused(simulation, Ask(simulation, Tokens(9, 200)));
  EXPECT_EQ(options.prefix_index->Match(keys(200)), 2);
  EXPECT_EQ(options.prefix_index->Match(keys(100)), 0);
}

}  // namespace
}  // namespace steer

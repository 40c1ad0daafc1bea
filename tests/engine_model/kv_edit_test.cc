// Edits of a prompt token's keys and values behind the whole engine: with neighbours that begin
// alike, a cache that finds them again and too few blocks, against full passes without a cache.
#include <random>

#include "core/engine/engine.h"
#include "core/engine/model_runner.h"
#include "gtest/gtest.h"
#include "tests/engine_model/windowed_model.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/recording_sink.h"
#include "tests/support/requests.h"

namespace steer {
namespace {

constexpr int kPrompt = 23, kLength = 60, kBlockSize = 4;

class KvEngine {
 public:
  KvEngine(const std::shared_ptr<const Decoder>& decoder, int blocks, int step_tokens) {
    SchedulerOptions options;
    options.step_tokens = step_tokens;
    options.max_sequences = 8;
    options.block_size = kBlockSize;
    options.context_limit = 256;
    std::vector<int> counts;
    for (const KvGroup& group : decoder->config().kv_groups()) {
      options.groups.push_back({.window = group.window, .block_count = blocks});
      counts.push_back(blocks);
    }
    auto cache = std::make_unique<KvCache>(decoder->config(), counts, kBlockSize, at::kFloat,
                                           decoder->device());
    engine_ = std::make_unique<Engine>(
        options, &tokenizer_, std::make_unique<ModelRunner>(decoder, std::move(cache), kBlockSize));
  }

  // Greedy, up to kLength tokens in all.
  std::shared_ptr<RecordingSink> Submit(const std::vector<TokenId>& prompt, ControlSet controls) {
    auto sink = std::make_shared<RecordingSink>();
    auto request =
        GenerateRequest(next_++, kPrompt, kLength - static_cast<int>(prompt.size()), sink);
    request->tokens = prompt;
    request->controls = std::move(controls);
    request->sampling.temperature = 0;
    request->sampling.log_probs = true;
    engine_->Submit(std::move(request));
    return sink;
  }
  Engine& operator*() { return *engine_; }
  Engine* operator->() { return engine_.get(); }

 private:
  ByteTokenizer tokenizer_;
  std::unique_ptr<Engine> engine_;
  RequestId next_ = 1;
};

class KvEngineTest : public ::testing::TestWithParam<std::vector<int>> {
 protected:
  std::vector<TokenId> RandomTokens(int count) {
    std::vector<TokenId> tokens;
    for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(random_() % 256));
    return tokens;
  }

  // Each token is the likeliest of a full pass, as near as rounding lets one tell, and as likely.
  void ExpectAsAlone(RecordingSink& sink, std::vector<TokenId> tokens, const ControlSet& controls) {
    const FinishedEvent event = sink.Wait();
    ASSERT_EQ(event.reason, FinishReason::kLength) << event.status;
    for (size_t i = 0; i < controls.size(); ++i) {
      EXPECT_EQ(event.steered[i].prompt, 1);
      EXPECT_EQ(event.steered[i].generated, 0);
    }
    for (const TokenEvent& token : sink.tokens()) tokens.push_back(token.token);
    const PromptLayout layout{.prompt_length = kPrompt};
    const at::Tensor expected =
        DecoderHarness(decoder_).Full({{tokens, controls, layout}})[0].log_softmax(-1);
    for (int i = 0; i < kLength - kPrompt; ++i) {
      const at::Tensor row = expected[kPrompt - 1 + i];
      const double own = row[tokens[kPrompt + i]].item<double>();
      EXPECT_NEAR(own, *sink.tokens()[i].log_prob, 1e-4) << i;
      EXPECT_GT(own, row.max().item<double>() - 1e-4) << i;
    }
  }

  std::mt19937 random_{5};
  const std::shared_ptr<const Decoder> decoder_ = LoadWith(GetParam());
  const ControlEntry edit_ =
      Entry(RandomSignal(decoder_->config().shape(), SignalKind::kKv, {0, SiteKind::kKv}, 2, 9), 1);
  const ControlEntry other_ = Entry(
      RandomSignal(decoder_->config().shape(), SignalKind::kKv, {1, SiteKind::kKv}, 2, 11), -1);
};

TEST_P(KvEngineTest, AmongNeighboursAndWithoutRoomEveryAnswerIsThatOfAFullPass) {
  // Room for two and a half, so that some are computed again.
  KvEngine engine(decoder_, (kLength + 2) / kBlockSize * 5 / 2, /*step_tokens=*/10);
  const std::vector<TokenId> prompt = RandomTokens(kPrompt);
  const std::vector<ControlSet> asked = {{edit_}, {}, {other_}, {edit_, other_}, {}, {edit_}};
  for (int round = 0; round < 2; ++round) {  // the second time the cache holds them
    std::vector<std::shared_ptr<RecordingSink>> sinks;
    for (const ControlSet& controls : asked) sinks.push_back(engine.Submit(prompt, controls));
    for (size_t i = 0; i < asked.size(); ++i) {
      SCOPED_TRACE(i);
      ExpectAsAlone(*sinks[i], prompt, asked[i]);
    }
  }
  EXPECT_GT(engine->stats().reused_tokens, 0);
  // Layers with a window hold little.
  if (GetParam()[1] == 0) {
    EXPECT_GT(engine->stats().preemptions, 0);
  }
}

TEST_P(KvEngineTest, WhatItLeavesInTheCacheIsThatOfThePlainModelBitForBit) {
  const std::vector<TokenId> prompt = RandomTokens(kPrompt);
  std::vector<std::vector<TokenEvent>> answers;
  for (const ControlSet& before : {ControlSet{}, ControlSet{edit_}}) {
    KvEngine engine(decoder_, 200, /*step_tokens=*/64);
    engine.Submit(prompt, before)->Wait();
    const auto sink = engine.Submit(prompt, {});
    sink->Wait();
    EXPECT_GT(engine->stats().reused_tokens, 0);
    answers.push_back(sink->tokens());
  }
  ASSERT_EQ(answers[0].size(), answers[1].size());
  for (size_t i = 0; i < answers[0].size(); ++i) {
    EXPECT_EQ(answers[0][i].token, answers[1][i].token);
    EXPECT_EQ(answers[0][i].log_prob, answers[1][i].log_prob);
  }
}

TEST_P(KvEngineTest, AMultiplierThatChangesBehindItChangesNothing) {
  const std::vector<TokenId> prompt = RandomTokens(kPrompt);
  KvEngine engine(decoder_, 200, /*step_tokens=*/64);
  ControlSet changed = {edit_};
  SetMultipliers(changed[0], kPrompt - 1, 5, 5);
  const auto sink = engine.Submit(prompt, changed);
  ExpectAsAlone(*sink, prompt, {edit_});
}

// Windows that pass the edited token while the answer grows.
INSTANTIATE_TEST_SUITE_P(Windows, KvEngineTest,
                         ::testing::Values(std::vector<int>{0, 0, 0}, std::vector<int>{9, 0, 9},
                                           std::vector<int>{7, 12, 7}));

}  // namespace
}  // namespace steer

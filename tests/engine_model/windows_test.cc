// A model with windows behind the whole engine, of whose cache everything that is out of sight is
// dropped and written over, against full passes without a cache.
#include <algorithm>
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

constexpr int kLength = 120;  // of all sequences
constexpr int kPrompt = 70;
constexpr int kBlockSize = 4;

struct Case {
  std::vector<int> windows;  // by layer
  int step_tokens = 0;
  int spare = 0;  // blocks of groups with a window that keep what dropped out, to be found again
};

class Windows : public ::testing::TestWithParam<Case> {
 protected:
  Windows() : decoder_(LoadWith(GetParam().windows)) {
    options_.step_tokens = GetParam().step_tokens;
    options_.max_sequences = 8;
    options_.block_size = kBlockSize;
    options_.context_limit = 256;
    std::vector<int> counts;
    for (const KvGroup& group : decoder_->config().kv_groups()) {
      // Room for one and a half, so that some make room and blocks are written over.
      const int one = MostBlocks(group.window, kLength, options_.step_tokens, kBlockSize);
      counts.push_back(one + one / 2 + (group.window > 0 ? GetParam().spare : 0));
      options_.groups.push_back({.window = group.window, .block_count = counts.back()});
    }
    auto cache = std::make_unique<KvCache>(decoder_->config(), counts, kBlockSize, at::kFloat,
                                           decoder_->device());
    engine_ = std::make_unique<Engine>(
        options_, &tokenizer_,
        std::make_unique<ModelRunner>(decoder_, std::move(cache), kBlockSize));
  }

  std::vector<TokenId> RandomTokens(int count) {
    std::vector<TokenId> tokens;
    tokens.reserve(count);
    for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(random_() % 256));
    return tokens;
  }

  std::shared_ptr<RecordingSink> Submit(const std::vector<TokenId>& tokens, int prompt) {
    auto sink = std::make_shared<RecordingSink>();
    auto request = GenerateRequest(next_++, prompt, kLength - prompt, sink);
    request->tokens = tokens;
    if (prompt < static_cast<int>(tokens.size())) request->kind = RequestKind::kScoring;
    request->sampling.temperature = 0;
    request->sampling.log_probs = true;
    engine_->Submit(std::move(request));
    return sink;
  }

  // [tokens, vocabulary]
  at::Tensor LogProbs(const std::vector<TokenId>& tokens) const {
    return DecoderHarness(decoder_).Full({{tokens}})[0].log_softmax(-1);
  }

  void ExpectScored(RecordingSink& sink, const std::vector<TokenId>& tokens, int prompt) {
    const FinishedEvent event = sink.Wait();
    ASSERT_EQ(event.reason, FinishReason::kScored) << event.status;
    const at::Tensor expected = LogProbs(tokens);
    for (int position = prompt; position < kLength; ++position) {
      EXPECT_NEAR(event.forced_log_probs[position - prompt],
                  expected[position - 1][tokens[position]].item<double>(), 1e-4)
          << position;
    }
  }

  // Each token is the likeliest after those before it, as near as rounding lets one tell.
  void ExpectGreedy(RecordingSink& sink, std::vector<TokenId> tokens) {
    const FinishedEvent event = sink.Wait();
    ASSERT_EQ(event.reason, FinishReason::kLength) << event.status;
    const auto prompt = static_cast<int>(tokens.size());
    for (const TokenEvent& token : sink.tokens()) tokens.push_back(token.token);
    ASSERT_EQ(tokens.size(), static_cast<size_t>(kLength));
    const at::Tensor expected = LogProbs(tokens);
    for (int position = prompt; position < kLength; ++position) {
      const at::Tensor row = expected[position - 1];
      const double log_prob = row[tokens[position]].item<double>();
      EXPECT_NEAR(log_prob, row.max().item<double>(), 1e-4) << position;
      EXPECT_NEAR(*sink.tokens()[position - prompt].log_prob, log_prob, 1e-4) << position;
    }
  }

  std::mt19937 random_{5};
  std::shared_ptr<const Decoder> decoder_;
  SchedulerOptions options_;
  ByteTokenizer tokenizer_;  // nothing here looks at texts
  std::unique_ptr<Engine> engine_;
  RequestId next_ = 1;
};

TEST_P(Windows, WithDroppedPositionsEveryNumberIsThatOfAFullPass) {
  // Some begin alike.
  const std::vector<TokenId> begin = RandomTokens(kPrompt / 2);
  std::vector<std::vector<TokenId>> texts;
  for (int i = 0; i < 6; ++i) {
    texts.push_back(RandomTokens(kLength));
    if (i % 2 == 0) std::copy(begin.begin(), begin.end(), texts.back().begin());
  }
  // The second time what is left in the cache is found.
  for (int round = 0; round < 2; ++round) {
    std::vector<std::shared_ptr<RecordingSink>> scored, generated;
    for (const std::vector<TokenId>& text : texts) {
      generated.push_back(Submit({text.begin(), text.begin() + kPrompt}, kPrompt));
    }
    for (const std::vector<TokenId>& text : texts) scored.push_back(Submit(text, kPrompt));
    for (size_t i = 0; i < texts.size(); ++i) {
      SCOPED_TRACE(i);
      ExpectScored(*scored[i], texts[i], kPrompt);
      ExpectGreedy(*generated[i], {texts[i].begin(), texts[i].begin() + kPrompt});
    }
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(engine_->RunUnit([] { return absl::OkStatus(); }).ok());
  }
  const EngineStats stats = engine_->stats();
  EXPECT_EQ(stats.kv_blocks_used, 0);
  EXPECT_EQ(stats.kv_usage, 0);
  if (GetParam().spare > 0) {
    EXPECT_GT(stats.reused_tokens, 0);
  }
  const std::vector<int>& windows = GetParam().windows;
  if (std::count(windows.begin(), windows.end(), 0) > 0) {
    EXPECT_GT(stats.preemptions, 0);
  }
}

TEST_P(Windows, AWindowIsSeenInTheNumbers) {
  const std::vector<TokenId> tokens = RandomTokens(kLength);
  const std::vector<int> none(GetParam().windows.size(), 0);
  const at::Tensor all = DecoderHarness(LoadWith(none)).Full({{tokens}})[0].log_softmax(-1);
  EXPECT_GT(MaxDifference(all[kLength - 1], LogProbs(tokens)[kLength - 1]), 1e-2);
}

INSTANTIATE_TEST_SUITE_P(Cases, Windows,
                         ::testing::Values(Case{{9, 0, 9}, 32, 64}, Case{{0, 9, 20}, 32, 0},
                                           Case{{9, 9, 9}, 32, 64}, Case{{9, 9, 9}, 5, 0},
                                           Case{{9, 0, 9}, 5, 64}, Case{{1, 4, 0}, 11, 64}));

}  // namespace
}  // namespace steer

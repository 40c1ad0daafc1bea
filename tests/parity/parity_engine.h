#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/model_runner.h"
#include "core/files/safetensors.h"
#include "gtest/gtest.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/loaded_model.h"
#include "tests/support/recording_sink.h"

namespace steer {

// What a reference computed: a file of testdata.
class Goldens {
 public:
  explicit Goldens(const std::string& name) {
    auto file = SafetensorsFile::Open(STEER_TEST_DATA "/" + name);
    EXPECT_TRUE(file.ok()) << file.status();
    file_ = *std::move(file);
  }

  HostTensor Tensor(const std::string& key) const {
    const auto& tensor = file_->tensors().at(key);
    return {tensor.dtype, tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
  }
  template <typename T>
  std::vector<T> Get(const std::string& key) const {
    const auto& tensor = file_->tensors().at(key);
    const T* begin = reinterpret_cast<const T*>(tensor.bytes.data());
    return {begin, begin + tensor.bytes.size() / sizeof(T)};
  }

 private:
  std::shared_ptr<const SafetensorsFile> file_;
};

// A decoder behind the whole engine: chunked prefill, paged cache by groups of layers, runner,
// sampler.
class ParityEngine {
 public:
  // A small `step_tokens` makes long prompts run in chunks.
  ParityEngine(const std::shared_ptr<const Decoder>& decoder, int step_tokens) {
    constexpr int kBlockSize = 16, kBlocks = 512;
    const ModelConfig& config = decoder->config();
    SchedulerOptions options{.step_tokens = step_tokens,
                             .max_sequences = 16,
                             .block_size = kBlockSize,
                             .context_limit = config.context_limit};
    std::vector<int> counts;
    for (const KvGroup& group : config.kv_groups()) {
      options.groups.push_back({.window = group.window, .block_count = kBlocks});
      counts.push_back(kBlocks);
    }
    auto cache = std::make_unique<KvCache>(config, counts, kBlockSize, decoder->dtype(), at::kCPU);
    engine_ = std::make_unique<Engine>(
        options, &tokenizer_, std::make_unique<ModelRunner>(decoder, std::move(cache), kBlockSize));
  }

  // Greedy. What lies behind `prompt_length` is scored.
  std::shared_ptr<RecordingSink> Submit(std::vector<TokenId> tokens, int prompt_length,
                                        int max_tokens) {
    auto sink = std::make_shared<RecordingSink>();
    auto request = std::make_unique<Request>();
    request->id = next_++;
    request->tokens = std::move(tokens);
    request->layout.prompt_length = prompt_length;
    if (prompt_length < static_cast<int>(request->tokens.size())) {
      request->kind = RequestKind::kScoring;
    }
    request->sampling.max_tokens = max_tokens;
    request->sampling.temperature = 0;
    request->arrival = Clock::now();
    request->sink = sink;
    engine_->Submit(std::move(request));
    return sink;
  }

  Engine& engine() { return *engine_; }

 private:
  ByteTokenizer tokenizer_;  // nothing here looks at texts
  std::unique_ptr<Engine> engine_;
  RequestId next_ = 1;
};

// "<key>.log_probs" of every token of "<key>.prompt" but the first; all prompts at once.
inline void ExpectLogProbabilities(ParityEngine& engine, const Goldens& goldens,
                                   const std::vector<std::string>& keys) {
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (const std::string& key : keys)
    sinks.push_back(engine.Submit(goldens.Get<TokenId>(key + ".prompt"), 1, 1));
  double worst = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const FinishedEvent finished = sinks[i]->Wait();
    ASSERT_EQ(finished.reason, FinishReason::kScored) << keys[i] << ": " << finished.status;
    const std::vector<float> expected = goldens.Get<float>(keys[i] + ".log_probs");
    ASSERT_EQ(finished.forced_log_probs.size(), expected.size());
    for (size_t t = 0; t < expected.size(); ++t) {
      worst = std::max(worst, std::abs(finished.forced_log_probs[t] - expected[t]));
    }
  }
  EXPECT_LT(worst, 1e-3);
  std::printf("largest difference of a log-probability: %.3g\n", worst);
}

// "<key>.greedy" after "<key>.prompt"; all prompts at once. A token may differ only where the
// reference's two best are nearly tied; what follows is then another text.
inline void ExpectGreedyTokens(ParityEngine& engine, const Goldens& goldens,
                               const std::vector<std::string>& keys) {
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (const std::string& key : keys) {
    const std::vector<TokenId> tokens = goldens.Get<TokenId>(key + ".prompt");
    const size_t count = goldens.Get<TokenId>(key + ".greedy").size();
    sinks.push_back(
        engine.Submit(tokens, static_cast<int>(tokens.size()), static_cast<int>(count)));
  }
  int near_ties = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(sinks[i]->Wait().reason, FinishReason::kLength) << keys[i];
    const std::vector<TokenId> expected = goldens.Get<TokenId>(keys[i] + ".greedy");
    const std::vector<float> margin = goldens.Get<float>(keys[i] + ".greedy_margin");
    const std::vector<TokenEvent> tokens = sinks[i]->tokens();
    ASSERT_EQ(tokens.size(), expected.size());
    for (size_t t = 0; t < expected.size(); ++t) {
      if (tokens[t].token == expected[t]) continue;
      EXPECT_LT(margin[t], 1e-3) << keys[i] << ", token " << t;
      ++near_ties;
      break;
    }
  }
  std::printf("near ties that fell the other way: %d of %zu prompts\n", near_ties, keys.size());
}

// "<key>.logits", those of "<key>.logit_ids" behind the last token of "<key>.prompt", and the sum
// of all.
inline void ExpectFinalLogits(const DecoderHarness& harness, const Goldens& goldens,
                              const std::vector<std::string>& keys) {
  double worst = 0;
  for (const std::string& key : keys) {
    const std::vector<TokenId> tokens = goldens.Get<TokenId>(key + ".prompt");
    const at::Tensor logits =
        harness.Full({{tokens}})[0][static_cast<int64_t>(tokens.size()) - 1].contiguous();
    const std::vector<TokenId> ids = goldens.Get<TokenId>(key + ".logit_ids");
    const std::vector<float> expected = goldens.Get<float>(key + ".logits");
    ASSERT_GE(ids.size(), 3000U);
    for (size_t i = 0; i < ids.size(); ++i) {
      worst = std::max(
          worst, std::abs(static_cast<double>(logits.data_ptr<float>()[ids[i]]) - expected[i]));
    }
    worst = std::max(worst, std::abs(logits.logsumexp(0).item<double>() -
                                     goldens.Get<float>(key + ".log_sum_exp")[0]));
  }
  EXPECT_LT(worst, 2e-3);
  std::printf("largest difference of a final logit: %.3g\n", worst);
}

}  // namespace steer

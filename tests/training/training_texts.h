#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/learn/carrier.h"
#include "core/learn/trainer.h"
#include "tests/support/loaded_model.h"
#include "tests/support/random_signal.h"

namespace steer {

// Pairs of made-up tokens: a template head that all share, a prompt, two answers.
inline ForcedText TextOf(const std::vector<TokenId>& prompt, const std::vector<TokenId>& answer,
                         int head_length) {
  ForcedText text;
  text.tokens = prompt;
  text.tokens.insert(text.tokens.end(), answer.begin(), answer.end());
  text.layout.prompt_length = static_cast<int>(prompt.size());
  text.layout.head_length = head_length;
  return text;
}

inline std::vector<ContrastPair> TrainingPairs() {
  const std::vector<TokenId> head = {1, 40, 41};
  const std::vector<std::vector<TokenId>> questions = {{50, 51}, {52, 53, 54}, {50, 55}, {56}};
  std::vector<ContrastPair> pairs;
  for (size_t i = 0; i < questions.size(); ++i) {
    std::vector<TokenId> prompt = head;
    prompt.insert(prompt.end(), questions[i].begin(), questions[i].end());
    prompt.push_back(42);
    const auto word = static_cast<TokenId>(60 + i);
    pairs.push_back({TextOf(prompt, {word, 70, 2}, 3), TextOf(prompt, {word, 71, 72, 2}, 3)});
  }
  return pairs;
}

// An autoencoder that is random, at block_out of layer 1 of the tiny model.
inline std::shared_ptr<const SignalData> RandomAutoencoder() {
  SignalData signal = {.kind = SignalKind::kFeatureShift};
  signal.updates.push_back({.site = {1, SiteKind::kBlockOut},
                            .tensors = RandomChange(SignalKind::kFeatureShift, 64, 1, 3)});
  return std::make_shared<const SignalData>(std::move(signal));
}

// The carriers of every objective but cdas by name: every kind, at a block's output and inside
// blocks.
inline std::vector<std::pair<std::string, CarrierSpec>> CarrierSpecs() {
  const Site block_out = {1, SiteKind::kBlockOut};
  return {
      {"vector", {SignalKind::kVector, {{block_out, Read::kSiteInput}}}},
      {"vectors",
       {SignalKind::kVector,
        {{{1, SiteKind::kOProj}, Read::kSiteInput}, {{2, SiteKind::kBlockOut}, {}}}}},
      {"lora", {SignalKind::kLora, {{block_out, Read::kMlpMid}}, 2}},
      {"loras",
       {SignalKind::kLora,
        {{{1, SiteKind::kQProj}, Read::kSiteInput},
         {{1, SiteKind::kVProj}, Read::kSiteInput},
         {{2, SiteKind::kDownProj}, Read::kSiteInput}},
        3}},
      {"local_weight", {SignalKind::kLocalWeight, {{block_out, Read::kMlpMid}}}},
      {"local_weight at gate", {SignalKind::kLocalWeight, {{{1, SiteKind::kGateProj}, {}}}}},
      {"bottlenecks",
       {SignalKind::kBottleneck,
        {{block_out, {}}, {{2, SiteKind::kBlockOut}, {}}},
        3,
        Nonlinearity::kSilu}},
      {"low_rank_affine", {SignalKind::kLowRankAffine, {{block_out, {}}}, 2}},
      {"joint loras",
       {SignalKind::kLora,
        {{{1, SiteKind::kQProj}, {}}, {{1, SiteKind::kDownProj}, {}}, {block_out, Read::kBlockOut}},
        2}},
      {"feature_shift",
       {.kind = SignalKind::kFeatureShift,
        .places = {{block_out, {}}},
        .autoencoder = RandomAutoencoder()}},
  };
}

// A carrier somewhere on its way: nothing in it is 0.
inline Carrier WalkedCarrier(const CarrierSpec& spec, const ModelShape& shape, at::ScalarType type,
                             uint64_t seed = 7) {
  EXPECT_TRUE(Validate(spec, shape).ok()) << Validate(spec, shape);
  Carrier carrier = Carrier::Create(spec, shape, seed, at::kCPU, type);
  const at::NoGradGuard no_grad;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed + 1);
  for (at::Tensor parameter : carrier.parameters())
    parameter.add_(at::randn(parameter.sizes(), generator, parameter.options()), 0.1);
  return carrier;
}

// Runs units at once, so many rows in each.
inline Trainer::Parts PartsOf(std::shared_ptr<const Decoder> decoder, int unit_rows = 1 << 20) {
  return {.decoder = std::move(decoder),
          .run_unit = [](const std::function<absl::Status()>& unit) { return unit(); },
          .unit_rows = [unit_rows] { return unit_rows; }};
}

}  // namespace steer

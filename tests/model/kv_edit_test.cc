// The edit of one prompt token's keys and values: what it changes, for whom, and by how much.

#include <cmath>
#include <vector>

#include "core/model/attention.h"
#include "core/model/decoder.h"
#include "gtest/gtest.h"
#include "tests/support/loaded_model.h"

namespace steer {
namespace {

constexpr double kTolerance = 1e-4;  // f32, different order of sums
constexpr int kLength = 12, kPrompt = 9, kEdited = kPrompt - 2;

std::vector<TokenId> Tokens(int count, int seed) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back((seed * 41 + i * i * 7 + i * 3) % 250 + 3);
  return tokens;
}

at::Tensor Random(const std::vector<int64_t>& shape, uint64_t seed) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::dtype(at::kFloat));
}

class KvEditTest : public testing::Test {
 protected:
  // Without one part where it is named.
  SignalData Signal(int layer, double scale, uint64_t seed, const char* without = "") const {
    SignalData data = RandomSignal(shape_, SignalKind::kKv, {layer, SiteKind::kKv}, scale, seed);
    data.updates[0].tensors.erase(without);
    return data;
  }
  static Row RowOf(ControlSet controls) {
    return {Tokens(kLength, 1), std::move(controls), {.prompt_length = kPrompt}};
  }
  // What leaves every site that can be tapped.
  Taps TapsOf(const ControlSet& controls) const {
    Taps taps;
    for (int layer = 0; layer < shape_.layers; ++layer) {
      taps[Site{layer, SiteKind::kKv}] = taps[Site{layer, SiteKind::kBlockOut}] = at::Tensor();
    }
    harness_.Full({RowOf(controls)}, &taps);
    return taps;
  }

  const ModelFile file_{RequiredEnv("STEER_TINY_MODEL")};
  const DecoderHarness harness_{file_.Load()};
  const ModelShape shape_ = harness_.decoder().config().shape();
};

TEST_F(KvEditTest, OnlyOneTokensKeysAndValuesChangeAndOnlyLaterTokensSeeIt) {
  const Taps plain = TapsOf({}), edited = TapsOf({Entry(Signal(1, 2, 3), 1)});
  for (const auto& [site, values] : edited) {
    for (int i = 0; i < kLength; ++i) {
      const bool at_site = site == Site{1, SiteKind::kKv};
      const bool behind = i > kEdited && (site.layer > 1 || site == Site{1, SiteKind::kBlockOut});
      EXPECT_EQ(SameBits(values[i], plain.at(site)[i]), !(at_site ? i == kEdited : behind))
          << ToString(site) << ", position " << i;
    }
  }
}

TEST_F(KvEditTest, OfValuesAloneAttentionChangesLinearly) {
  // Without its MLP a block's output is h plus what attention adds.
  ModelFile without_mlp = file_;
  for (float& weight : without_mlp.Floats("blk.1.ffn_down.weight", {shape_.hidden, shape_.ffn}))
    weight = 0;
  const DecoderHarness harness(without_mlp.Load());
  const SignalData data = Signal(1, 2, 3, "S_k");
  const auto change = [&](double m) {
    Taps taps;
    taps[Site{1, SiteKind::kBlockOut}] = at::Tensor();
    harness.Full({RowOf({Entry(data, m)})}, &taps);
    const at::Tensor steered = taps.begin()->second;
    harness.Full({RowOf({})}, &taps);
    return steered - taps.begin()->second;
  };
  const at::Tensor once = change(1);
  EXPECT_GT(once.abs().max().item<double>(), 0.1);
  for (const double m : {-3.0, 0.5, 10.0}) {
    EXPECT_LT(MaxDifference(change(m), once * m), 1e-5 * std::max(1.0, std::abs(m)));
  }
}

// A'_p / A'_j = A_p / A_j exp(q.S scale), and a token's own weight is not changed.
TEST_F(KvEditTest, OfKeysAloneTheOddsOfAttentionChangeByAFactor) {
  constexpr int64_t kRows = 7, kHead = 8, kRow = 4;
  const AttentionConfig config{.layer = 0, .window = 0, .scale = 0.3, .soft_cap = 0};
  StepInput input;
  input.sequences.push_back({0, kRows, 0, {}});
  const at::Tensor q = Random({kRows, 1, kHead}, 1), k = Random({kRows, 1, kHead}, 2);
  const at::Tensor s = Random({kHead}, 3);
  // Values that show who was looked at: [row, row].
  const at::Tensor v = at::eye(kRows, kHead).unsqueeze(1);
  at::Tensor seen = k.clone();
  seen[kRow].add_(s);
  const int64_t edited[] = {kRow};
  const at::Tensor plain =
      Attend(config, input, {.q = q, .k = k, .v = v, .own_k = k, .own_v = v}, nullptr);
  const at::Tensor with =
      Attend(config, input, {.q = q, .k = seen, .v = v, .own_k = k, .own_v = v, .edited = edited},
             nullptr);
  EXPECT_TRUE(SameBits(with.narrow(0, 0, kRow + 1), plain.narrow(0, 0, kRow + 1)));
  for (int64_t t = kRow + 1; t < kRows; ++t) {
    const at::Tensor factor = (with[t] / plain[t]).narrow(0, 0, t + 1);
    const double expected = std::exp(0.3 * q[t][0].dot(s).item<double>());
    for (int64_t j = 0; j <= t; ++j) {
      const double odds = (factor[kRow] / factor[j]).item<double>();
      EXPECT_NEAR(odds, j == kRow ? 1 : expected, 1e-4 * expected) << t << ", " << j;
    }
  }
}

TEST_F(KvEditTest, WhatItDoesDoesNotDependOnThePlaceInTheText) {
  const Decoder& decoder = harness_.decoder();
  const ControlSet controls = {Entry(Signal(0, 2, 3), 1)};
  const auto logits = [&](int offset) {
    const at::NoGradGuard no_grad;
    StepInput input;
    input.tokens = at::tensor(Tokens(kLength, 1), at::dtype(at::kLong));
    input.positions = at::arange(offset, offset + kLength);
    input.sequences.push_back({0, kLength, 0, {}});
    const ControlledRows rows = {
        .count = kLength, .layout = {.prompt_length = kPrompt}, .controls = &controls};
    const at::Tensor h =
        decoder.Forward(input, decoder.Embed(input.tokens), {0, decoder.config().layers}, nullptr,
                        ControlPlan::Build({&rows, 1}, kLength, at::kCPU));
    return decoder.Logits(h);
  };
  const at::Tensor first = logits(0);
  EXPECT_GT(MaxDifference(first, harness_.Full({RowOf({})})[0]), 0.01);
  for (const int offset : {10, 100, 400}) EXPECT_LT(MaxDifference(logits(offset), first), 1e-3);
}

TEST_F(KvEditTest, SeveralSignalsAddUp) {
  const SignalData a = Signal(1, 1, 3), b = Signal(1, 1, 5);
  SignalData sum = a;
  for (auto& [name, tensor] : sum.updates[0].tensors) {
    const auto values = [&](const SignalData& of) {
      return at::tensor(of.updates[0].tensors.at(name).floats()).view(tensor.shape);
    };
    tensor = ToHostTensor(values(a) * 0.5 - values(b) * 2);
  }
  EXPECT_LT(MaxDifference(harness_.Full({RowOf({Entry(a, 0.5), Entry(b, -2)})})[0],
                          harness_.Full({RowOf({Entry(sum, 1)})})[0]),
            kTolerance);
}

// In steps of one position nothing has to tell a token's own keys from those that later ones see.
TEST_F(KvEditTest, EditsAtSeveralPlacesAreWhatStepsOfOnePositionMake) {
  std::vector<Row> rows = {RowOf({Entry(Signal(0, 2, 3), 1)}), RowOf({})};
  rows[0].controls.push_back(Entry(Signal(1, 2, 5), 1, 1, {.user_text_only = true}));
  rows[0].controls.push_back(Entry(Signal(1, 2, 7), -1, -1, {.user_text_only = true}));
  rows[0].layout.user_begin = 2;
  rows[0].layout.user_end = 5;
  const at::Tensor expected = harness_.Cached(rows, 1)[0];
  EXPECT_GT(MaxDifference(expected, harness_.Cached(rows, 1)[1]), 0.01);
  EXPECT_LT(MaxDifference(harness_.Full(rows)[0], expected), kTolerance);
  for (const int chunk : {2, 3, 5, 8, 64})
    EXPECT_LT(MaxDifference(harness_.Cached(rows, chunk)[0], expected), kTolerance) << chunk;
}

TEST_F(KvEditTest, InBf16TheCacheHoldsWhatAWholePassSees) {
  const DecoderHarness half(file_.Load(at::kBFloat16));
  const SignalData data = Signal(0, 2, 3);
  const Row row = RowOf({Entry(data, 1, 1, {}, at::kBFloat16)});
  const at::Tensor exact = harness_.Full({RowOf({Entry(data, 1)})})[0];
  const at::Tensor plain = harness_.Full({RowOf({})})[0];
  for (const at::Tensor& logits : {half.Full({row})[0], half.Cached({row}, 3)[0]}) {
    EXPECT_LT(MaxDifference(logits, exact), 0.25 * MaxDifference(plain, exact));
  }
}

}  // namespace
}  // namespace steer

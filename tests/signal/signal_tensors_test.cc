// The kinds that read what they change: what they demand of their tensors.

#include "core/signal/signal_tensors.h"

#include <bit>
#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/signal/broken_signal.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

constexpr ModelShape kShape{
    .layers = 3, .hidden = 2, .ffn = 3, .q_width = 4, .kv_width = 2, .kv_heads = 2};

// One signal of each kind that reads what it changes, at the block's output.
SignalData AtBlockOut(SignalKind kind, std::map<std::string, HostTensor> tensors) {
  SignalData signal;
  signal.kind = kind;
  signal.updates = {{{1, SiteKind::kBlockOut}, Read::kSiteInput, std::move(tensors)}};
  return signal;
}

SignalData Bottleneck() {
  SignalData signal =
      AtBlockOut(SignalKind::kBottleneck, {{"D", Tensor({3, 2}, {1, 2, 3, 4, 5, 6})},
                                           {"U", Tensor({2, 3}, {1, 2, 3, 4, 5, 6})},
                                           {"e", Tensor({3}, {1, 2, 3})},
                                           {"b", Tensor({2}, {1, 2})}});
  signal.nonlinearity = Nonlinearity::kSilu;
  return signal;
}

SignalData FeatureShift() {
  const HostTensor weight = Tensor({3, 2}, {1, 2, 3, 4, 5, 6}), bias = Tensor({3}, {0, 1, 2});
  return AtBlockOut(SignalKind::kFeatureShift, {{"W_enc", weight},
                                                {"b_enc", bias},
                                                {"W_dec", weight},
                                                {"W_a", weight},
                                                {"b_a", bias},
                                                {"tau", bias},
                                                {"threshold", bias}});
}

SignalData LowRankAffine() {
  return AtBlockOut(SignalKind::kLowRankAffine, {{"R", Tensor({1, 2}, {0.6F, -0.8F})},
                                                 {"W", Tensor({1, 2}, {5, 6})},
                                                 {"b", Tensor({1}, {7})}});
}

SignalData Clamp() {
  return AtBlockOut(SignalKind::kClamp,
                    {{"W", Tensor({2, 2}, {0.6F, 0.8F, -0.8F, 0.6F})}, {"a", Tensor({2}, {0, 3})}});
}

SignalData NullOut() {
  return AtBlockOut(SignalKind::kNullOut,
                    {{"w", Tensor({2}, {3, -4})}, {"b", Tensor({1}, {-0.5F})}});
}

SignalData Kv() {
  SignalData signal = AtBlockOut(
      SignalKind::kKv, {{"S_k", Tensor({2, 1}, {1, 2})}, {"S_v", Tensor({2, 1}, {3, 4})}});
  signal.updates[0].site.kind = SiteKind::kKv;
  return signal;
}

TEST(SignalTensorsTest, EveryKindPassesWithAndWithoutWhatIsOptional) {
  for (const SignalData& signal :
       {Bottleneck(), FeatureShift(), LowRankAffine(), Clamp(), NullOut(), Kv()}) {
    EXPECT_TRUE(Validate(signal, kShape).ok()) << Validate(signal, kShape);
    SignalData bare = signal;
    for (const char* name : {"e", "b", "threshold", "S_k"}) bare.updates[0].tensors.erase(name);
    EXPECT_TRUE(Validate(bare, kShape).ok()) << Validate(bare, kShape);
  }
}

TEST(SignalTensorsTest, RowsRoundedToBf16AreStillOrthonormal) {
  // Two orthogonal unit vectors of 576 elements, and what BF16 keeps of them.
  std::vector<float> rows;
  for (const double phase : {0.0, std::numbers::pi / 2}) {
    for (int i = 0; i < 576; ++i) {
      const double value = std::cos(i * 2 * std::numbers::pi * 5 / 576 + phase) / std::sqrt(288);
      rows.push_back(std::bit_cast<float>(
          (std::bit_cast<uint32_t>(static_cast<float>(value)) + 0x8000U) & 0xFFFF0000U));
    }
  }
  const ModelShape shape = {.layers = 2, .hidden = 576, .ffn = 3, .q_width = 4, .kv_width = 1};
  const SignalData clamp =
      AtBlockOut(SignalKind::kClamp, {{"W", Tensor({2, 576}, rows)}, {"a", Tensor({2}, {1, 1})}});
  EXPECT_TRUE(Validate(clamp, shape).ok()) << Validate(clamp, shape);
}

TEST(SignalTensorsTest, TheStochasticPartOfDreftIsRefusedByName) {
  SignalData signal = LowRankAffine();
  signal.updates[0].tensors["W_sigma"] = Tensor({1, 2}, {1, 2});
  const absl::Status status = Validate(signal, kShape);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(DetailOf(status)->field, "layers.1.block_out.W_sigma");
  EXPECT_THAT(std::string(status.message()), HasSubstr("the stochastic part of D-ReFT"));
}

std::vector<Broken> BrokenValues() {
  const auto set = [](const char* name, HostTensor tensor) {
    return [=](SignalData& s) { s.updates[0].tensors[name] = tensor; };
  };
  return {
      {"U of another rank", Bottleneck(), set("U", Tensor({2, 2}, {1, 2, 3, 4})),
       "layers.1.block_out.U", "allowed: shape [2, 3]"},
      {"W of another rank", LowRankAffine(), set("W", Tensor({2, 2}, {1, 2, 3, 4})),
       "layers.1.block_out.W", "allowed: shape [1, 2]"},
      {"a row that is not of length 1", LowRankAffine(), set("R", Tensor({1, 2}, {0.6F, 0.9F})),
       "layers.1.block_out.R", "got a product of rows 0 and 0 of 1.17"},
      {"rows that are not orthogonal", Clamp(), set("W", Tensor({2, 2}, {1, 0, 0.6F, 0.8F})),
       "layers.1.block_out.W", "got a product of rows 0 and 1 of 0.6"},
      {"more rows than dimensions", Clamp(),
       [](SignalData& s) {
         s.updates[0].tensors["W"] = Tensor({3, 2}, {1, 0, 0, 1, 0, 0});
         s.updates[0].tensors["a"] = Tensor({3}, {1, 2, 3});
       },
       "layers.1.block_out.W", "got 3 rows, allowed: 1..2 orthonormal rows"},
      {"no target", Clamp(), [](SignalData& s) { s.updates[0].tensors.erase("a"); },
       "layers.1.block_out.a", "got no tensor"},
      {"a w of 0", NullOut(), set("w", Tensor({2}, {0, 0})), "layers.1.block_out.w",
       "got a length of 0"},
      {"a w whose square is 0 in fp32", NullOut(), set("w", Tensor({2}, {1e-30F, 0})),
       "layers.1.block_out.w", "1e-12 to 1e12"},
      {"a w whose square overflows", NullOut(), set("w", Tensor({2}, {1e30F, 0})),
       "layers.1.block_out.w", "1e-12 to 1e12"},
      {"a negative tau", FeatureShift(), set("tau", Tensor({3}, {0, -1, 2})),
       "layers.1.block_out.tau", "got -1 at element 1"},
      {"a negative threshold", FeatureShift(), set("threshold", Tensor({3}, {-2, 1, 2})),
       "layers.1.block_out.threshold", "got -2 at element 0"},
      {"a clamp inside a block", Clamp(),
       [](SignalData& s) { s.updates[0].site.kind = SiteKind::kOProj; }, "layers.1.o_proj",
       "allowed: block_out for kind clamp"},
      {"a bottleneck that reads elsewhere", Bottleneck(),
       [](SignalData& s) { s.updates[0].read = Read::kMlpMid; }, "layers.1.block_out.read",
       "none: a bottleneck reads what it changes"},
      {"a kv signal at a block's output", Kv(),
       [](SignalData& s) { s.updates[0].site.kind = SiteKind::kBlockOut; }, "layers.1.block_out",
       "allowed: kv for kind kv"},
      {"a clamp at keys and values", Clamp(),
       [](SignalData& s) { s.updates[0].site.kind = SiteKind::kKv; }, "layers.1.kv",
       "allowed: block_out for kind clamp"},
      {"a vector at keys and values", Kv(), [](SignalData& s) { s.kind = SignalKind::kVector; },
       "layers.1.kv", "allowed: a linear or block_out for kind vector"},
      {"keys of all heads in one row", Kv(), set("S_k", Tensor({1, 2}, {1, 2})), "layers.1.kv.S_k",
       "allowed: shape [2, 1]"},
      {"neither keys nor values", Kv(), [](SignalData& s) { s.updates[0].tensors.clear(); },
       "layers.1.kv", "allowed: S_k, S_v or both"},
      {"a kv signal of generated tokens", Kv(),
       [](SignalData& s) { s.default_positions.prompt = false; }, "default_positions",
       "a kv signal acts on a token of it"},
      {"a nonlinearity of another kind", Clamp(),
       [](SignalData& s) { s.nonlinearity = Nonlinearity::kSilu; }, "nonlinearity",
       "got silu, allowed: none for kind clamp"},
  };
}

TEST(SignalTensorsTest, EveryWrongThingIsRefusedByName) { ExpectRefused(BrokenValues(), kShape); }

TEST(SignalIdTest, ANonlinearityIsPartOfABottleneckAlone) {
  SignalData linear = Bottleneck();
  linear.nonlinearity = Nonlinearity::kIdentity;
  EXPECT_NE(SignalId(linear), SignalId(Bottleneck()));
  // As testdata/signal_id.py makes it.
  EXPECT_EQ(SignalId(Bottleneck()),
            "56366c8867747d9cf6e9112a1b06294b8c3e31435d25ba97dad0793a2f915d28");
}

}  // namespace
}  // namespace steer

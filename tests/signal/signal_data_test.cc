#include "core/signal/signal_data.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/signal/broken_signal.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

constexpr ModelShape kShape{.layers = 3, .hidden = 2, .ffn = 3, .q_width = 4, .kv_width = 1};

// The signal of testdata/signal_id.py.
SignalData Lora() {
  SignalData signal;
  signal.kind = SignalKind::kLora;
  signal.marks = {"shape-mark", "weights-mark"};
  signal.default_multiplier = -2.5;
  signal.default_positions = {.prompt = false, .generated = true, .exclude_template_head = true};
  signal.updates = {
      {{1, SiteKind::kDownProj},
       Read::kSiteInput,
       {{"A", Tensor({1, 3}, {1.0F, -0.0F, 0.5F})}, {"B", Tensor({2, 1}, {0.25F, -8.0F})}}},
      {{1, SiteKind::kBlockOut},
       Read::kMlpMid,
       {{"A", Tensor({1, 3}, {1e-30F, 2, 3})},
        {"B", Tensor({2, 1}, {4, 5})},
        {"db", Tensor({2}, {6, 7})}}}};
  return signal;
}

SignalData Vector() {
  SignalData signal;
  signal.updates = {{{0, SiteKind::kBlockOut}, Read::kSiteInput, {{"v", Tensor({2}, {1, 2})}}},
                    {{2, SiteKind::kQProj}, Read::kSiteInput, {{"v", Tensor({4}, {1, 2, 3, 4})}}}};
  return signal;
}

SignalData LocalWeight() {
  SignalData signal;
  signal.kind = SignalKind::kLocalWeight;
  signal.updates = {{{2, SiteKind::kKProj},
                     Read::kSiteInput,
                     {{"dW", Tensor({1, 2}, {1, 2})}, {"db", Tensor({1}, {3})}}}};
  return signal;
}

TEST(SignalKindTest, NamesRoundTrip) {
  for (int i = 0; i < kSignalKinds; ++i) {
    const auto kind = static_cast<SignalKind>(i);
    const absl::StatusOr<SignalKind> parsed = ParseSignalKind(Name(kind), "kind");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, kind);
  }
  for (const Nonlinearity phi : {Nonlinearity::kIdentity, Nonlinearity::kSilu})
    EXPECT_EQ(*ParseNonlinearity(Name(phi), "nonlinearity"), phi);
  EXPECT_THAT(std::string(ParseNonlinearity("relu", "nonlinearity").status().message()),
              HasSubstr("nonlinearity: got 'relu', allowed: identity, silu"));
  const absl::Status status = ParseSignalKind("Vector", "kind").status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("kind: got 'Vector', allowed: vector, lora, local_weight, bottleneck, "
                        "feature_shift, low_rank_affine, clamp, null_out, kv"));
}

TEST(ValidateTest, EveryKindPasses) {
  EXPECT_TRUE(Validate(Vector(), kShape).ok()) << Validate(Vector(), kShape);
  EXPECT_TRUE(Validate(Lora(), kShape).ok()) << Validate(Lora(), kShape);
  EXPECT_TRUE(Validate(LocalWeight(), kShape).ok()) << Validate(LocalWeight(), kShape);
}

TEST(ValidateTest, AVectorFitsEverySiteButKvWithItsOwnWidth) {
  for (int kind = 0; kind < kSiteKinds; ++kind) {
    const Site site{1, static_cast<SiteKind>(kind)};
    if (site.kind == SiteKind::kKv) continue;
    const int64_t out = kShape.Dims(site.kind).out;
    SignalData signal;
    signal.updates = {{site, Read::kSiteInput, {{"v", Tensor({out}, std::vector<float>(out, 1))}}}};
    EXPECT_TRUE(Validate(signal, kShape).ok()) << Validate(signal, kShape);
    signal.updates[0].tensors["v"] = Tensor({out + 1}, std::vector<float>(out + 1, 1));
    EXPECT_EQ(DetailOf(Validate(signal, kShape))->field, ToString(site) + ".v");
  }
}

HostTensor WithDType(HostTensor tensor, DType dtype) {
  tensor.dtype = dtype;
  tensor.data.resize(SizeOf(dtype) * *ElementCount(tensor.shape));
  return tensor;
}

std::vector<Broken> BrokenTensors() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const auto set = [](size_t update, const char* name, HostTensor tensor) {
    return [=](SignalData& s) { s.updates[update].tensors[name] = tensor; };
  };
  const auto drop = [](size_t update, const char* name) {
    return [=](SignalData& s) { s.updates[update].tensors.erase(name); };
  };
  return {
      {"vector too long", Vector(), set(1, "v", Tensor({5}, {1, 2, 3, 4, 5})), "layers.2.q_proj.v",
       "got shape [5], allowed: shape [4]"},
      {"vector as a row", Vector(), set(0, "v", Tensor({1, 2}, {1, 2})), "layers.0.block_out.v",
       "shape [1, 2]"},
      {"vector as a scalar", Vector(), set(0, "v", Tensor({}, {1})), "layers.0.block_out.v",
       "shape []"},
      {"A of another input", Lora(), set(0, "A", Tensor({1, 2}, {1, 2})), "layers.1.down_proj.A",
       "allowed: shape [rank >= 1, 3]"},
      {"A of rank 0", Lora(), set(0, "A", Tensor({0, 3}, {})), "layers.1.down_proj.A",
       "got shape [0, 3]"},
      {"A a vector", Lora(), set(0, "A", Tensor({3}, {1, 2, 3})), "layers.1.down_proj.A",
       "got shape [3]"},
      {"A a scalar", Lora(), set(0, "A", Tensor({}, {1})), "layers.1.down_proj.A", "got shape []"},
      {"B of another rank", Lora(), set(0, "B", Tensor({2, 2}, {1, 2, 3, 4})),
       "layers.1.down_proj.B", "allowed: shape [2, 1]"},
      {"B of another output", Lora(), set(0, "B", Tensor({3, 1}, {1, 2, 3})),
       "layers.1.down_proj.B", "allowed: shape [2, 1]"},
      {"db of another output", Lora(), set(1, "db", Tensor({3}, {1, 2, 3})),
       "layers.1.block_out.db", "allowed: shape [2]"},
      {"dW transposed", LocalWeight(), set(0, "dW", Tensor({2, 1}, {1, 2})), "layers.2.k_proj.dW",
       "allowed: shape [1, 2]"},
      {"NaN", LocalWeight(), set(0, "dW", Tensor({1, 2}, {1, nan})), "layers.2.k_proj.dW",
       "nan at element 1"},
      {"inf", Vector(), set(0, "v", Tensor({2}, {inf, 1})), "layers.0.block_out.v",
       "inf at element 0"},
      {"-inf in an optional tensor", LocalWeight(), set(0, "db", Tensor({1}, {-inf})),
       "layers.2.k_proj.db", "-inf at element 0"},
      {"unknown tensor", Vector(), set(0, "w", Tensor({2}, {1, 2})), "layers.0.block_out.w",
       "allowed: v for kind vector"},
      {"a tensor of another kind", Lora(), set(0, "dW", Tensor({2, 3}, {1, 2, 3, 4, 5, 6})),
       "layers.1.down_proj.dW", "allowed: A, B, db for kind lora"},
      {"no v", Vector(), drop(0, "v"), "layers.0.block_out.v", "got no tensor"},
      {"no A", Lora(), drop(0, "A"), "layers.1.down_proj.A", "got no tensor"},
      {"no B", Lora(), drop(0, "B"), "layers.1.down_proj.B", "allowed: a tensor of shape [2, 1]"},
      {"no dW", LocalWeight(), drop(0, "dW"), "layers.2.k_proj.dW", "got no tensor"},
      {"F16", Vector(), set(0, "v", WithDType(Tensor({2}, {1, 2}), DType::kF16)),
       "layers.0.block_out.v", "got F16, allowed: F32"},
      {"I32", Vector(), set(0, "v", WithDType(Tensor({2}, {1, 2}), DType::kI32)),
       "layers.0.block_out.v", "got I32, allowed: F32"},
      {"fewer bytes than the shape says", Vector(),
       [](SignalData& s) { s.updates[0].tensors["v"].data.pop_back(); }, "layers.0.block_out.v",
       "got 7 bytes"},
      {"more bytes than the shape says", Vector(),
       [](SignalData& s) { s.updates[0].tensors["v"].data.resize(12); }, "layers.0.block_out.v",
       "got 12 bytes"},
  };
}

std::vector<Broken> BrokenStructure() {
  const auto read = [](size_t update, Read value) {
    return [=](SignalData& s) { s.updates[update].read = value; };
  };
  const auto layer = [](int value) {
    return [=](SignalData& s) { s.updates[0].site.layer = value; };
  };
  const auto multiplier = [](double value) {
    return [=](SignalData& s) { s.default_multiplier = value; };
  };
  return {
      {"a vector that reads", Vector(), read(0, Read::kMlpMid), "layers.0.block_out.read",
       "a vector reads nothing"},
      {"a weight delta at block_out that reads nothing", Lora(), read(1, Read::kSiteInput),
       "layers.1.block_out.read", "block_in, attn_in, mlp_in, mlp_mid or block_out"},
      {"a linear that reads elsewhere", Lora(), read(0, Read::kMlpMid), "layers.1.down_proj.read",
       "got mlp_mid"},
      {"a read of another width", Lora(), read(1, Read::kBlockIn), "layers.1.block_out.A",
       "allowed: shape [rank >= 1, 2]"},
      {"a layer too many", Vector(), layer(3), "layers.3.block_out", "layers 0 to 2"},
      {"a negative layer", Vector(), layer(-1), "layers.-1.block_out", "layers 0 to 2"},
      {"a site twice", Vector(), [](SignalData& s) { s.updates.push_back(s.updates[0]); },
       "layers.0.block_out", "each site once"},
      {"no site", Vector(), [](SignalData& s) { s.updates.clear(); }, "signal",
       "at least one site"},
      {"multiplier NaN", Vector(), multiplier(std::nan("")), "default_multiplier", "-1e6 to 1e6"},
      {"multiplier inf", Vector(), multiplier(HUGE_VAL), "default_multiplier", "-1e6 to 1e6"},
      {"multiplier too large", Vector(), multiplier(-1.1e6), "default_multiplier", "-1e6 to 1e6"},
      {"positions that select nothing", Vector(),
       [](SignalData& s) { s.default_positions = {false, false, false}; }, "default_positions",
       "at least one"},
      {"a mark that is not text", Vector(), [](SignalData& s) { s.marks.shape = "a\x80"; },
       "model_shape", "visible ASCII"},
      {"a mark too long", Vector(), [](SignalData& s) { s.marks.weights.assign(129, 'a'); },
       "model_weights", "128"},
  };
}

TEST(ValidateTest, EveryWrongThingIsRefusedByName) {
  std::vector<Broken> all = BrokenTensors();
  for (Broken& broken : BrokenStructure()) all.push_back(std::move(broken));
  ExpectRefused(std::move(all), kShape);
}

TEST(SignalIdTest, IsTheCommittedOne) {
  EXPECT_EQ(SignalId(Lora()), "acbeda9954c7a8caf3b1b3c915de766ff9529476e9c8e1da2946fbc95eaee4fe");
}

TEST(SignalIdTest, DoesNotDependOnTheOrderOfUpdates) {
  SignalData signal = Lora();
  std::reverse(signal.updates.begin(), signal.updates.end());
  EXPECT_EQ(SignalId(signal), SignalId(Lora()));
}

TEST(SignalIdTest, EveryFieldChangesIt) {
  const std::vector<std::function<void(SignalData&)>> changes = {
      [](SignalData&) {},
      [](SignalData& s) { s.kind = SignalKind::kLocalWeight; },
      [](SignalData& s) { s.kind = SignalKind::kVector; },
      [](SignalData& s) { s.marks.shape = "shape-mar"; },
      [](SignalData& s) { s.marks.weights = ""; },
      // The same letters in a row, cut elsewhere.
      [](SignalData& s) { s.marks = {"shape-markw", "eights-mark"}; },
      [](SignalData& s) { std::swap(s.marks.shape, s.marks.weights); },
      [](SignalData& s) { s.default_multiplier = std::nextafter(-2.5, 0); },
      [](SignalData& s) { s.default_multiplier = 0.0; },
      [](SignalData& s) { s.default_multiplier = -0.0; },
      [](SignalData& s) { s.default_positions.prompt = true; },
      [](SignalData& s) { s.default_positions.generated = false; },
      [](SignalData& s) { s.default_positions.exclude_template_head = false; },
      [](SignalData& s) { s.default_positions.user_text_only = true; },
      [](SignalData& s) { s.updates.pop_back(); },
      [](SignalData& s) { s.updates[0].site.layer = 2; },
      [](SignalData& s) { s.updates[0].site.kind = SiteKind::kUpProj; },
      [](SignalData& s) { s.updates[1].read = Read::kMlpIn; },
      [](SignalData& s) { s.updates[1].tensors.erase("db"); },
      [](SignalData& s) { s.updates[1].tensors["db"].shape = {1, 2}; },
      [](SignalData& s) { s.updates[1].tensors["db"].shape = {2, 1}; },
      [](SignalData& s) { s.updates[1].tensors["db"].dtype = DType::kI32; },
      [](SignalData& s) { s.updates[1].tensors["db"].data[7] ^= std::byte{1}; },
      // 0.0 instead of -0.0.
      [](SignalData& s) { s.updates[0].tensors["A"].data[7] ^= std::byte{0x80}; },
      [](SignalData& s) { std::swap(s.updates[0].tensors["A"], s.updates[1].tensors["A"]); },
      [](SignalData& s) {
        auto node = s.updates[1].tensors.extract("db");
        node.key() = "dc";
        s.updates[1].tensors.insert(std::move(node));
      },
  };
  std::set<std::string> ids;
  for (const auto& change : changes) {
    SignalData signal = Lora();
    change(signal);
    const std::string id = SignalId(signal);
    EXPECT_THAT(id, ::testing::MatchesRegex("[0-9a-f]{64}"));
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), changes.size());
}

TEST(TensorBytesTest, CountsAllTensors) {
  EXPECT_EQ(TensorBytes(Lora()), 4 * (3 + 2 + 3 + 2 + 2));
  EXPECT_EQ(TensorBytes(SignalData{}), 0);
}

}  // namespace
}  // namespace steer

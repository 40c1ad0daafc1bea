#include "core/store/formats/native.h"

#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "core/base/status.h"
#include "core/files/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/test_signals.h"

namespace steer {
namespace {

using ::testing::HasSubstr;
using Metadata = std::map<std::string, std::string>;
using Tensors = std::map<std::string, HostTensor>;

absl::StatusOr<SignalData> Parse(const std::string& file) {
  return ParseNative(std::as_bytes(std::span(file.data(), file.size())));
}

HostTensor Floats(std::vector<int64_t> shape, std::vector<float> values) {
  return HostTensor::FromFloats(std::move(shape), values);
}

SignalData LocalWeightSignal() {
  SignalData signal;
  signal.kind = SignalKind::kLocalWeight;
  signal.marks.weights = "only-weights";
  signal.default_positions.generated = false;
  signal.updates = {{{0, SiteKind::kKProj},
                     Read::kSiteInput,
                     {{"dW", Floats({1, 2}, {1, -0.0F})}, {"db", Floats({1}, {3})}}},
                    {{12, SiteKind::kBlockOut}, Read::kAttnIn, {{"dW", Floats({1, 1}, {4})}}}};
  return signal;
}

SignalData BottleneckSignal(Nonlinearity nonlinearity) {
  SignalData signal;
  signal.kind = SignalKind::kBottleneck;
  signal.nonlinearity = nonlinearity;
  signal.updates = {{{3, SiteKind::kBlockOut},
                     Read::kSiteInput,
                     {{"D", Floats({1, 2}, {1, 2})}, {"U", Floats({2, 1}, {3, 4})}}}};
  return signal;
}

SignalData KvSignal() {
  SignalData signal;
  signal.kind = SignalKind::kKv;
  signal.updates = {{{0, SiteKind::kKv}, Read::kSiteInput, {{"S_v", Floats({2, 1}, {1, 2})}}},
                    {{1, SiteKind::kKv},
                     Read::kSiteInput,
                     {{"S_k", Floats({2, 1}, {3, 4})}, {"S_v", Floats({2, 1}, {5, 6})}}}};
  return signal;
}

void ExpectSame(const SignalData& got, const SignalData& want) {
  EXPECT_EQ(got.kind, want.kind);
  EXPECT_EQ(got.nonlinearity, want.nonlinearity);
  EXPECT_EQ(got.marks.shape, want.marks.shape);
  EXPECT_EQ(got.marks.weights, want.marks.weights);
  EXPECT_EQ(std::bit_cast<uint64_t>(got.default_multiplier),
            std::bit_cast<uint64_t>(want.default_multiplier));
  EXPECT_EQ(got.default_positions, want.default_positions);
  ASSERT_EQ(got.updates.size(), want.updates.size());
  for (size_t i = 0; i < got.updates.size(); ++i) {
    EXPECT_EQ(got.updates[i].site, want.updates[i].site);
    EXPECT_EQ(got.updates[i].read, want.updates[i].read);
    ASSERT_EQ(got.updates[i].tensors.size(), want.updates[i].tensors.size());
    for (const auto& [name, tensor] : want.updates[i].tensors) {
      const auto it = got.updates[i].tensors.find(name);
      ASSERT_NE(it, got.updates[i].tensors.end()) << name;
      EXPECT_EQ(it->second.dtype, DType::kF32);
      EXPECT_EQ(it->second.shape, tensor.shape) << name;
      EXPECT_EQ(it->second.data, tensor.data) << name;
    }
  }
  EXPECT_EQ(SignalId(got), SignalId(want));
}

TEST(NativeTest, EveryKindRoundTrips) {
  for (const SignalData& signal : {VectorSignal(3), LoraSignal(), LocalWeightSignal(),
                                   ClampSignal(), BottleneckSignal(Nonlinearity::kIdentity),
                                   BottleneckSignal(Nonlinearity::kSilu), KvSignal()}) {
    const std::string file = WriteNative(signal);
    const absl::StatusOr<SignalData> parsed = Parse(file);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    ExpectSame(*parsed, signal);
    EXPECT_EQ(WriteNative(*parsed), file);
  }
}

TEST(NativeTest, EveryMultiplierRoundTripsBitByBit) {
  for (const double multiplier :
       {0.0, -0.0, 1.0, 0.1, -1e6, 1.0 / 3, 5e-324, std::numeric_limits<double>::min(),
        std::nextafter(1.0, 2.0), 123456.789}) {
    SignalData signal = VectorSignal(1);
    signal.default_multiplier = multiplier;
    const absl::StatusOr<SignalData> parsed = Parse(WriteNative(signal));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(std::bit_cast<uint64_t>(parsed->default_multiplier),
              std::bit_cast<uint64_t>(multiplier));
  }
}

TEST(NativeTest, ReadsAFileOfTheReferenceImplementation) {
  std::ifstream stream(STEER_TEST_DATA "/lora.safetensors", std::ios::binary);
  const std::string file((std::istreambuf_iterator<char>(stream)), {});
  const absl::StatusOr<SignalData> parsed = Parse(file);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  // Other key order, other float types, another spelling of the multiplier: the same signal.
  SignalData want = LoraSignal();
  std::swap(want.updates[0], want.updates[1]);
  std::sort(want.updates.begin(), want.updates.end(),
            [](const SiteUpdate& a, const SiteUpdate& b) { return a.site < b.site; });
  ExpectSame(*parsed, want);
}

TEST(NativeTest, DefaultsOfWhatIsLeftOut) {
  const absl::StatusOr<SignalData> parsed =
      Parse(WriteSafetensors({{"format", "control-signal/1"}, {"kind", "vector"}},
                             {{"layers.0.block_out.v", Floats({2}, {1, 2})}}));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->default_multiplier, 1.0);
  EXPECT_EQ(parsed->default_positions, PositionRule{});
  EXPECT_EQ(parsed->marks.shape, "");
  EXPECT_EQ(parsed->marks.weights, "");
  const absl::StatusOr<SignalData> bottleneck =
      Parse(WriteSafetensors({{"format", "control-signal/1"}, {"kind", "bottleneck"}},
                             {{"layers.3.block_out.D", Floats({1, 2}, {1, 2})},
                              {"layers.3.block_out.U", Floats({2, 1}, {3, 4})}}));
  ASSERT_TRUE(bottleneck.ok()) << bottleneck.status();
  ExpectSame(*bottleneck, BottleneckSignal(Nonlinearity::kIdentity));
  EXPECT_EQ(parsed->updates[0].read, Read::kSiteInput);
}

TEST(NativeTest, SitesComeSorted) {
  const absl::StatusOr<SignalData> parsed =
      Parse(WriteSafetensors({{"format", "control-signal/1"}, {"kind", "vector"}},
                             {{"layers.10.block_out.v", Floats({1}, {1})},
                              {"layers.9.block_out.v", Floats({1}, {1})},
                              {"layers.9.q_proj.v", Floats({1}, {1})}}));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->updates.size(), 3U);
  EXPECT_EQ(ToString(parsed->updates[0].site), "layers.9.q_proj");
  EXPECT_EQ(ToString(parsed->updates[1].site), "layers.9.block_out");
  EXPECT_EQ(ToString(parsed->updates[2].site), "layers.10.block_out");
}

TEST(NativeTest, BadMetadataIsRefusedByName) {
  const Metadata good = {{"format", "control-signal/1"}, {"kind", "lora"}};
  const Tensors tensors = {{"layers.0.block_out.A", Floats({1, 1}, {1})},
                           {"layers.0.block_out.B", Floats({1, 1}, {1})}};
  ASSERT_TRUE(Parse(WriteSafetensors(good, tensors)).ok());
  struct Case {
    const char* key;
    const char* value;
    const char* says;
  };
  const Case cases[] = {
      {"format", "control-signal/2", "__metadata__.format: got 'control-signal/2'"},
      {"format", "", "__metadata__.format"},
      {"kind", "spell",
       "__metadata__.kind: got 'spell', allowed: vector, lora, local_weight, bott"},
      {"nonlinearity", "silu",
       "__metadata__.nonlinearity: got 'silu', allowed: none for kind lora"},
      {"kind", "", "__metadata__.kind"},
      {"author", "me", "the key 'author', allowed: format, kind"},
      {"default_multiplier", "", "__metadata__.default_multiplier"},
      {"default_multiplier", "nan", "__metadata__.default_multiplier"},
      {"default_multiplier", "inf", "__metadata__.default_multiplier"},
      {"default_multiplier", "1e999", "__metadata__.default_multiplier"},
      {"default_multiplier", " 1", "__metadata__.default_multiplier"},
      {"default_multiplier", "1,5", "__metadata__.default_multiplier"},
      {"default_multiplier", "1 ", "__metadata__.default_multiplier"},
      {"default_positions", "", "__metadata__.default_positions"},
      {"default_positions", "[]", "a JSON object"},
      {"default_positions", "{\"prompt\": 1}", "each true or false"},
      {"default_positions", "{\"last\": true}", "exclude_template_head"},
      {"default_positions", "{\"prompt\": true, \"prompt\": false}", "each key once"},
      {"default_positions", "{\"prompt\": true}}", "__metadata__.default_positions"},
      {"default_positions", "{\"prompt\": {\"prompt\": true}}", "__metadata__.default_positions"},
      {"reads", "null", "__metadata__.reads"},
      {"reads", "{\"layers.0.block_out\": \"mlp\"}", "__metadata__.reads: got 'mlp'"},
      {"reads", "{\"layers.0.block_out\": 3}", "__metadata__.reads: got 'number'"},
      {"reads", "{\"block_out\": \"mlp_mid\"}", "__metadata__.reads: got 'block_out'"},
      {"reads", "{\"layers.1.block_out\": \"mlp_mid\"}", "a site that has tensors"},
      {"reads", "{\"layers.0.block_out\": \"mlp_mid\", \"layers.0.block_out\": \"mlp_in\"}",
       "each key once"},
  };
  for (const Case& bad : cases) {
    Metadata metadata = good;
    metadata[bad.key] = bad.value;
    const absl::Status status = Parse(WriteSafetensors(metadata, tensors)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.key << " " << bad.value;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.says)) << bad.value;
  }
  for (const char* key : {"format", "kind"}) {
    Metadata metadata = good;
    metadata.erase(key);
    const absl::Status status = Parse(WriteSafetensors(metadata, tensors)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << key;
    EXPECT_THAT(std::string(status.message()), HasSubstr(key));
  }
}

TEST(NativeTest, BadTensorsAreRefusedByName) {
  const Metadata metadata = {{"format", "control-signal/1"}, {"kind", "vector"}};
  const HostTensor integers{DType::kI32, {1}, std::vector<std::byte>(4)};
  const std::pair<const char*, HostTensor> cases[] = {
      {"v", Floats({1}, {1})},
      {"", Floats({1}, {1})},
      {".v", Floats({1}, {1})},
      {"layers.0.block_out", Floats({1}, {1})},
      {"layers.0.block_out.", Floats({1}, {1})},
      {"layers.0.block_out.A", Floats({1}, {1})},
      {"layers.0.block_out.v.v", Floats({1}, {1})},
      {"layers.00.block_out.v", Floats({1}, {1})},
      {"model.layers.0.block_out.v", Floats({1}, {1})},
      {"layers.0.block_out.v", integers},
  };
  for (const auto& [name, tensor] : cases) {
    const absl::Status status = Parse(WriteSafetensors(metadata, {{name, tensor}})).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
  const absl::Status none = Parse(WriteSafetensors(metadata, {})).status();
  EXPECT_THAT(std::string(none.message()), HasSubstr("tensors: got none"));
}

TEST(NativeTest, TheStochasticPartOfDreftIsRefusedByName) {
  const absl::Status status =
      Parse(WriteSafetensors({{"format", "control-signal/1"}, {"kind", "low_rank_affine"}},
                             {{"layers.0.block_out.W_sigma", Floats({1, 2}, {1, 2})}}))
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the stochastic part of D-ReFT"));
}

TEST(NativeTest, EveryTruncationIsRefused) {
  const std::string file = WriteNative(LoraSignal());
  for (size_t size = 0; size < file.size(); ++size) {
    // A buffer of exactly this size, so that the address sanitizer sees a read past its end.
    const std::span<const std::byte> all = std::as_bytes(std::span(file));
    const std::vector<std::byte> part(all.begin(), all.begin() + static_cast<ptrdiff_t>(size));
    const absl::Status status = ParseNative(part).status();
    ASSERT_FALSE(status.ok()) << size;
    EXPECT_FALSE(status.message().empty());
  }
  EXPECT_FALSE(Parse(file + std::string(1, '\0')).ok());
}

TEST(NativeTest, EveryByteCorruptionIsRefusedOrIsAnotherSignal) {
  const std::string file = WriteNative(LoraSignal());
  const std::string id = SignalId(LoraSignal());
  int refused = 0;
  int other = 0;
  int harmless = 0;
  for (size_t at = 0; at < file.size(); ++at) {
    for (const int mask : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      std::string corrupt = file;
      corrupt[at] = static_cast<char>(corrupt[at] ^ mask);
      const absl::StatusOr<SignalData> parsed = Parse(corrupt);
      if (!parsed.ok()) {
        ++refused;
        continue;
      }
      const std::string now = SignalId(*parsed);
      (now == id ? harmless : other) += 1;
      // Whatever was read is a signal like any other: it can be written and read again.
      const absl::StatusOr<SignalData> again = Parse(WriteNative(*parsed));
      ASSERT_TRUE(again.ok()) << again.status() << " at " << at;
      EXPECT_EQ(SignalId(*again), now) << at;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(other, 100);
  // Only white space in JSON can change without changing the signal.
  EXPECT_LT(harmless, 50);
}

}  // namespace
}  // namespace steer

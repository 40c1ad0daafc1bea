#include "core/learn/carrier.h"

#include <cmath>

#include "gtest/gtest.h"
#include "tests/training/training_texts.h"

namespace steer {
namespace {

const ModelShape kShape = {.layers = 3, .hidden = 400, .ffn = 900, .q_width = 400, .kv_width = 200};
const Site kBlockOut = {1, SiteKind::kBlockOut};

Carrier Made(const CarrierSpec& spec, uint64_t seed = 1) {
  EXPECT_TRUE(Validate(spec, kShape).ok()) << Validate(spec, kShape);
  return Carrier::Create(spec, kShape, seed, at::kCPU);
}

void ExpectUniform(const at::Tensor& values, double bound) {
  EXPECT_LE(values.abs().max().item<double>(), bound);
  EXPECT_GT(values.abs().max().item<double>(), 0.98 * bound);
  EXPECT_NEAR(values.mean().item<double>(), 0, 0.1 * bound);
  EXPECT_NEAR(values.square().mean().item<double>(), bound * bound / 3, 0.1 * bound * bound);
}

TEST(CarrierTest, BeginsAsPublished) {
  const Carrier vector = Made({SignalKind::kVector, {{kBlockOut, {}}}});
  ExpectUniform(vector.parameters()[0].detach(), 1 / std::sqrt(400.0));
  const Carrier lora = Made({SignalKind::kLora, {{kBlockOut, Read::kMlpMid}}, 4});
  EXPECT_EQ(lora.parameters()[0].sizes(), at::IntArrayRef({4, 900}));
  ExpectUniform(lora.parameters()[0].detach(), 0.5);
  EXPECT_EQ(lora.parameters()[1].sizes(), at::IntArrayRef({400, 4}));
  EXPECT_EQ(lora.parameters()[1].abs().max().item<double>(), 0);
  const Carrier local_weight = Made({SignalKind::kLocalWeight, {{kBlockOut, Read::kMlpMid}}});
  for (const at::Tensor& parameter : local_weight.parameters())
    EXPECT_EQ(parameter.abs().max().item<double>(), 0);
}

TEST(CarrierTest, ASeedDecidesTheStart) {
  const CarrierSpec spec = {SignalKind::kVector, {{kBlockOut, {}}}};
  EXPECT_EQ(SignalId(Made(spec, 3).ToSignal()), SignalId(Made(spec, 3).ToSignal()));
  EXPECT_NE(SignalId(Made(spec, 3).ToSignal()), SignalId(Made(spec, 4).ToSignal()));
}

TEST(CarrierTest, GoesOnFromASignal) {
  const Carrier carrier = Made({SignalKind::kLora, {{kBlockOut, Read::kMlpMid}}, 4});
  const SignalData signal = carrier.ToSignal();
  EXPECT_TRUE(Validate(signal, kShape).ok());
  EXPECT_EQ(SignalId(Carrier::Of(signal, at::kCPU).ToSignal()), SignalId(signal));
}

TEST(CarrierTest, DropoutLeavesOutComponentsAndScalesTheOthers) {
  const Carrier carrier = Made({SignalKind::kVector, {{kBlockOut, {}}}});
  const at::Tensor v = carrier.parameters()[0].detach();
  const auto vector_of = [](const std::vector<SignalTerm>& terms) {
    return std::get<AffineTerm>(terms[0].change).db;
  };
  const at::Tensor dropped = vector_of(carrier.Terms(at::kFloat, 0.25, 9)).detach();
  const at::Tensor left_out = dropped.eq(0);
  EXPECT_NEAR(left_out.to(at::kDouble).mean().item<double>(), 0.25, 0.08);
  const at::Tensor kept = left_out.logical_not();
  EXPECT_LT(MaxDifference(dropped.masked_select(kept), v.masked_select(kept) / 0.75), 1e-6);
  EXPECT_TRUE(at::equal(vector_of(carrier.Terms(at::kFloat, 0.25, 9)), dropped));
  EXPECT_FALSE(at::equal(vector_of(carrier.Terms(at::kFloat, 0.25, 10)), dropped));
  EXPECT_TRUE(at::equal(vector_of(carrier.Terms(at::kFloat)), v));
}

TEST(CarrierTest, WeightPartsTakeTheModelsType) {
  const Carrier carrier = Made({SignalKind::kLora, {{kBlockOut, Read::kMlpMid}}, 4});
  const std::vector<SignalTerm> terms = carrier.Terms(at::kBFloat16);
  const auto& term = std::get<AffineTerm>(terms[0].change);
  EXPECT_EQ(term.a.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(term.a.requires_grad());
  EXPECT_EQ(carrier.parameters()[0].scalar_type(), at::kFloat);
}

}  // namespace
}  // namespace steer

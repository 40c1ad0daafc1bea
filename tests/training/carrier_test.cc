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
  const at::Tensor dropped =
      vector_of(carrier.Terms(at::kFloat, {.dropout = 0.25, .seed = 9})).detach();
  const at::Tensor left_out = dropped.eq(0);
  EXPECT_NEAR(left_out.to(at::kDouble).mean().item<double>(), 0.25, 0.08);
  const at::Tensor kept = left_out.logical_not();
  EXPECT_LT(MaxDifference(dropped.masked_select(kept), v.masked_select(kept) / 0.75), 1e-6);
  EXPECT_TRUE(
      at::equal(vector_of(carrier.Terms(at::kFloat, {.dropout = 0.25, .seed = 9})), dropped));
  EXPECT_FALSE(
      at::equal(vector_of(carrier.Terms(at::kFloat, {.dropout = 0.25, .seed = 10})), dropped));
  EXPECT_TRUE(at::equal(vector_of(carrier.Terms(at::kFloat)), v));
}

TEST(CarrierTest, OthersStartByDoingNothing) {
  const Carrier affine = Made({SignalKind::kLowRankAffine, {{kBlockOut, {}}}, 3});
  const auto r = std::get<LowRankAffineTerm>(affine.Terms(at::kFloat)[0].change);
  EXPECT_LT(MaxDifference(r.r.matmul(r.r.t()), at::eye(3)), 1e-5);
  EXPECT_LT(MaxDifference(r.r, r.w), 1e-5);
  const Carrier bottleneck =
      Made({SignalKind::kBottleneck, {{kBlockOut, {}}}, 3, Nonlinearity::kSilu});
  const auto b = std::get<BottleneckTerm>(bottleneck.Terms(at::kFloat)[0].change);
  EXPECT_EQ(b.phi, Nonlinearity::kSilu);
  EXPECT_EQ(b.u.abs().sum().item<double>(), 0);
  EXPECT_GT(b.d.abs().sum().item<double>(), 0);
  for (const Carrier* carrier : {&affine, &bottleneck}) {
    const SignalData signal = carrier->ToSignal();
    EXPECT_TRUE(Validate(signal, kShape).ok()) << Validate(signal, kShape);
  }
  EXPECT_EQ(SignalId(Carrier::Of(bottleneck.ToSignal(), at::kCPU).ToSignal()),
            SignalId(bottleneck.ToSignal()));
}

// Whatever R becomes while it learns, it acts with orthonormal rows.
TEST(CarrierTest, RowsThatLeaveTheUnitSphereActOnIt) {
  const Carrier carrier = Made({SignalKind::kLowRankAffine, {{kBlockOut, {}}}, 3});
  {
    const at::NoGradGuard no_grad;
    at::Tensor r = carrier.parameters()[0];
    r.mul_(7).add_(at::ones_like(r));
  }
  const auto term = std::get<LowRankAffineTerm>(carrier.Terms(at::kFloat)[0].change);
  EXPECT_LT(MaxDifference(term.r.matmul(term.r.t()), at::eye(3)), 1e-5);
  // The first row keeps its direction.
  const at::Tensor raw = carrier.parameters()[0].detach().select(0, 0);
  EXPECT_LT(MaxDifference(term.r.select(0, 0), raw / raw.norm()), 1e-5);
  EXPECT_TRUE(Validate(carrier.ToSignal(), kShape).ok());
}

TEST(CarrierTest, NoiseIsOfTheTermsAndNotOfWhatLearns) {
  const Carrier carrier = Made({SignalKind::kLora, {{kBlockOut, Read::kMlpMid}}, 4});
  const std::string before = SignalId(carrier.ToSignal());
  const auto noisy_of = [&carrier](uint64_t seed) {
    return std::get<AffineTerm>(carrier.Terms(at::kFloat, {.noise = 0.5, .seed = seed})[0].change);
  };
  const AffineTerm noisy = noisy_of(9);
  const at::Tensor noise = (noisy.a - carrier.parameters()[0]).detach();
  EXPECT_NEAR(noise.std().item<double>(), 0.5, 0.1);
  EXPECT_TRUE(at::equal(noisy_of(9).a, noisy.a));
  EXPECT_FALSE(at::equal(noisy_of(10).a, noisy.a));
  EXPECT_GT(noisy.b.abs().sum().item<double>(), 0);  // of a B of 0
  EXPECT_EQ(SignalId(carrier.ToSignal()), before);
  noisy.b.sum().backward();
  EXPECT_TRUE(at::equal(carrier.parameters()[1].grad(), at::ones_like(noisy.b)));
}

// Sampled while it learns, and as it is served by its mean.
TEST(CarrierTest, ADistributionIsServedByItsMean) {
  CarrierSpec spec = {SignalKind::kLowRankAffine, {{kBlockOut, {}}}, 3};
  spec.distribution = true;
  const Carrier carrier = Made(spec);
  EXPECT_EQ(carrier.parameters().size(), 5U);
  EXPECT_TRUE(Validate(carrier.ToSignal(), kShape).ok());
  const at::Tensor h = at::randn({20000, 400});
  const auto change = [&](const std::vector<SignalTerm>& terms) {
    const auto& term = std::get<LowRankAffineTerm>(terms.front().change);
    return Delta(term, h).matmul(term.r.t()).detach();  // [n, rank]
  };
  EXPECT_LT(change(carrier.Terms(at::kFloat)).abs().max().item<double>(), 1e-5);
  const at::Tensor sampled = change(carrier.Terms(at::kFloat, {.seed = 5}));
  EXPECT_TRUE(at::equal(change(carrier.Terms(at::kFloat, {.seed = 5})), sampled));
  EXPECT_FALSE(at::equal(change(carrier.Terms(at::kFloat, {.seed = 6})), sampled));
  // sigma = exp(-6 / 2)
  const at::Tensor spread = sampled.std(0), mean = sampled.mean(0);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(spread[i].item<double>(), std::exp(-3), 0.02 * std::exp(-3));
    EXPECT_NEAR(mean[i].item<double>(), 0, 4 * std::exp(-3) / std::sqrt(20000.0));
  }
  spec.kind = SignalKind::kBottleneck;
  EXPECT_NE(Validate(spec, kShape).ToString().find("distribution"), std::string::npos);
}

TEST(CarrierTest, WhatAnAdapterReadsIsSeparatedFromWhatDownProjAdds) {
  const CarrierSpec spec = {
      SignalKind::kLora, {{{1, SiteKind::kDownProj}, {}}, {kBlockOut, Read::kBlockOut}}, 4};
  Carrier carrier = WalkedCarrier(spec, kShape, at::kDouble);
  // By name within a place: A and B of down_proj, A and B at block_out.
  const at::Tensor added = carrier.parameters()[1].detach();
  const at::Tensor reading = carrier.parameters()[2].detach();
  const at::Tensor before = reading.clone();
  EXPECT_GT(reading.matmul(added).abs().max().item<double>(), 1e-3);
  carrier.Separate();
  EXPECT_LT(reading.matmul(added).abs().max().item<double>(), 1e-12);
  // Nothing else of it has changed: the difference lies in what is added.
  const at::Tensor q = std::get<0>(at::linalg_qr(added));
  const at::Tensor taken = before - reading;
  EXPECT_LT(MaxDifference(taken.matmul(q).matmul(q.t()), taken), 1e-12);
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

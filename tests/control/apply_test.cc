// Every kind through ApplyTerms: which rows, in which type, with which gradients.

#include "core/control/apply.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/random_signal.h"

namespace steer {
namespace {

// Rows of keys and values together are as wide as those of a block's output.
constexpr ModelShape kShape{.layers = 1, .hidden = 10, .ffn = 14, .q_width = 8, .kv_width = 5};
constexpr int64_t kRows = 5;

using Tensors = std::map<std::string, at::Tensor>;

struct KindCase {
  SignalKind kind = SignalKind::kVector;
  Nonlinearity phi = Nonlinearity::kIdentity;

  Tensors Made(at::ScalarType type) const {
    Tensors tensors;
    const SignalData data = RandomSignal(kShape, kind, PlaceOf(kind, 0), 0.4, 11);
    for (const auto& [name, host] : data.updates[0].tensors) {
      tensors[name] = at::tensor(host.floats(), at::dtype(at::kFloat)).view(host.shape).to(type);
    }
    return tensors;
  }
  SignalTerm Term(const Tensors& tensors) const {
    return MakeTerm(kind, phi, PlaceOf(kind, 0), Read::kMlpMid, tensors);
  }
};

std::vector<KindCase> AllKinds() {
  std::vector<KindCase> all;
  for (int i = 0; i < kSignalKinds; ++i) all.push_back({static_cast<SignalKind>(i)});
  all.push_back({SignalKind::kBottleneck, Nonlinearity::kSilu});
  return all;
}

at::Tensor Random(const std::vector<int64_t>& shape, uint64_t seed, at::ScalarType type) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::dtype(at::kDouble)).to(type);
}

SiteReads Reads(at::ScalarType type) {
  SiteReads reads;
  reads.mlp_mid = Random({kRows, kShape.ffn}, 3, type);
  return reads;
}

// Rows 1 and 3, or all of them.
PlannedTerm Planned(const SignalTerm& term, bool all) {
  const at::Tensor m = at::tensor(std::vector<float>{0.5, -2, 1, 0.25, 3}).unsqueeze(1);
  if (all) return {.term = &term, .rows = {}, .m1 = m, .m2 = m};
  const at::Tensor rows = at::tensor(std::vector<int64_t>{1, 3});
  return {.term = &term, .rows = rows, .m1 = m.narrow(0, 0, 2), .m2 = m.narrow(0, 0, 2)};
}

at::Tensor Applied(const SignalTerm& term, const at::Tensor& h, const SiteReads& reads, bool all) {
  at::Tensor y = h.clone();
  const PlannedTerm planned = Planned(term, all);
  ApplyTerms({&planned, 1}, reads, y);
  return y;
}

class ApplyTest : public testing::TestWithParam<KindCase> {};

TEST_P(ApplyTest, ARowThatDidNotAskIsNotReadNorWritten) {
  const SignalTerm term = GetParam().Term(GetParam().Made(at::kFloat));
  const at::Tensor h = Random({kRows, kShape.hidden}, 1, at::kFloat);
  at::Tensor broken = h.clone();
  for (const int64_t row : {0, 2, 4}) broken[row].fill_(NAN);
  const at::Tensor with = Applied(term, broken, Reads(at::kFloat), false);
  const at::Tensor without = Applied(term, h, Reads(at::kFloat), false);
  for (const int64_t row : {1, 3}) {
    EXPECT_TRUE(at::equal(with[row], without[row]));
    EXPECT_FALSE(at::equal(with[row], h[row]));
  }
  for (const int64_t row : {0, 2, 4}) {
    EXPECT_TRUE(with[row].isnan().all().item<bool>());
    EXPECT_TRUE(at::equal(without[row], h[row]));
  }
}

TEST_P(ApplyTest, HalfPrecisionRowsAreSummedInFloat) {
  const at::Tensor h = Random({kRows, kShape.hidden}, 1, at::kBFloat16) * 100;
  Tensors tensors = GetParam().Made(at::kFloat);
  const SignalTerm exact = GetParam().Term(tensors);
  for (const char* weight : {"A", "B", "dW"}) {
    const auto found = tensors.find(weight);
    if (found != tensors.end()) found->second = found->second.to(at::kBFloat16);
  }
  const SignalTerm term = GetParam().Term(tensors);
  for (const bool all : {false, true}) {
    const at::Tensor half = Applied(term, h, Reads(at::kBFloat16), all);
    EXPECT_EQ(half.scalar_type(), at::kBFloat16);
    SiteReads reads;
    reads.mlp_mid = Reads(at::kBFloat16).mlp_mid.to(at::kFloat);
    const at::Tensor wide = Applied(exact, h.to(at::kFloat), reads, all);
    if (IsAffine(GetParam().kind)) {
      // Its products are rounded, in the weights' type.
      EXPECT_TRUE(at::allclose(half.to(at::kFloat), wide, 0.02, 0.2));
    } else {
      EXPECT_TRUE(at::equal(half, wide.to(at::kBFloat16)));
    }
  }
}

// What gradients are checked of: a weighted sum of all that comes out.
double Weighed(const KindCase& of, const Tensors& tensors, const at::Tensor& h, bool all) {
  const at::Tensor y = Applied(of.Term(tensors), h, Reads(at::kDouble), all);
  return (y * Random({kRows, kShape.hidden}, 2, at::kDouble)).sum().item<double>();
}

TEST_P(ApplyTest, GradientsAreCentralDifferences) {
  for (const bool all : {false, true}) {
    Tensors tensors = GetParam().Made(at::kDouble);
    at::Tensor h = Random({kRows, kShape.hidden}, 1, at::kDouble);
    tensors["h"] = h;
    for (auto& [name, tensor] : tensors) tensor.set_requires_grad(true);
    const at::Tensor y = Applied(GetParam().Term(tensors), h, Reads(at::kDouble), all);
    (y * Random({kRows, kShape.hidden}, 2, at::kDouble)).sum().backward();
    const at::NoGradGuard no_grad;
    for (auto& [name, tensor] : tensors) {
      if (name == "threshold") continue;
      ASSERT_TRUE(tensor.grad().defined()) << name;
      EXPECT_GT(tensor.grad().abs().max().item<double>(), 1e-3) << name;
      at::Tensor values = tensor.view(-1);
      for (int64_t i = 0; i < values.numel(); ++i) {
        const double before = values[i].item<double>();
        const auto at = [&](double value) {
          values[i].fill_(value);
          return Weighed(GetParam(), tensors, h, all);
        };
        const double step = 1e-6;
        const double expected = (at(before + step) - at(before - step)) / (2 * step);
        values[i].fill_(before);
        EXPECT_NEAR(tensor.grad().view(-1)[i].item<double>(), expected,
                    1e-7 + 1e-6 * std::abs(expected))
            << name << " at " << i;
      }
    }
  }
}

// A weight that reads block_out reads what is there before it acts, and what it adds is no part of
// that; whether all rows ask or some.
TEST(ApplyReadTest, AWeightMayReadWhatItChanges) {
  const at::Tensor h = Random({kRows, kShape.hidden}, 1, at::kDouble);
  const at::Tensor a = Random({2, kShape.hidden}, 5, at::kDouble).requires_grad_();
  const at::Tensor b = Random({kShape.hidden, 2}, 6, at::kDouble);
  const SignalTerm term = {{1, SiteKind::kBlockOut}, AffineTerm{Read::kBlockOut, a, b, {}, {}}};
  for (const bool all : {true, false}) {
    const at::Tensor y = Applied(term, h, {}, all);
    const PlannedTerm planned = Planned(term, all);
    const at::Tensor x = all ? h : h.index_select(0, planned.rows);
    const at::Tensor expected = x + x.matmul(a.t()).matmul(b.t()) * planned.m1;
    const at::Tensor actual = all ? y : y.index_select(0, planned.rows);
    EXPECT_TRUE(at::allclose(actual, expected));
    actual.sum().backward();
    const at::Tensor gradient = a.grad().clone();
    a.mutable_grad().zero_();
    expected.sum().backward();
    EXPECT_TRUE(at::allclose(gradient, a.grad()));
    a.mutable_grad().zero_();
  }
}

INSTANTIATE_TEST_SUITE_P(All, ApplyTest, testing::ValuesIn(AllKinds()), [](const auto& info) {
  return absl::StrCat(Name(info.param.kind), "_", Name(info.param.phi));
});

}  // namespace
}  // namespace steer

// The algebra of the kinds that read what they change, on rows in fp64.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ATen/ATen.h"
#include "core/control/apply.h"
#include "gtest/gtest.h"
#include "tests/support/random_signal.h"

namespace steer {
namespace {

constexpr double kExact = 1e-12;  // fp64, sums of a few terms
constexpr int64_t kHidden = 24, kRows = 6;
constexpr Site kSite{0, SiteKind::kBlockOut};

at::Tensor Random(const std::vector<int64_t>& shape, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::dtype(at::kDouble));
}

// Exactly orthonormal in fp64.
at::Tensor Rows(int64_t count, uint64_t seed) {
  return std::get<0>(at::linalg_qr(Random({kHidden, count}, seed))).t().contiguous();
}

double Difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

template <typename Change>
SignalTerm At(Change change) {
  return {kSite, std::move(change)};
}

// What a term makes of all rows of h.
at::Tensor Applied(const SignalTerm& term, const at::Tensor& h, double m = 1) {
  at::Tensor y = h.clone();
  const PlannedTerm planned = {
      .term = &term, .rows = {}, .m1 = at::full({h.size(0), 1}, m), .m2 = at::full({1, 1}, m)};
  SiteReads reads;
  reads.input = h;
  ApplyTerms({&planned, 1}, reads, y);
  return y;
}

// h without what lies along the rows.
at::Tensor Beside(const at::Tensor& h, const at::Tensor& rows) {
  return h - h.matmul(rows.t()).matmul(rows);
}

TEST(ClampTest, SetsTheCoordinatesAndNothingElse) {
  const at::Tensor h = Random({kRows, kHidden}, 1) * 10, w = Rows(3, 2), a = Random({3}, 3);
  const SignalTerm clamp = At(ClampTerm{w, a});
  const at::Tensor once = Applied(clamp, h);
  EXPECT_LT(Difference(once.matmul(w.t()), a.expand({kRows, 3})), kExact);
  EXPECT_LT(Difference(Beside(once, w), Beside(h, w)), kExact);
  EXPECT_LT(Difference(Applied(clamp, once), once), kExact) << "idempotent";
  EXPECT_LT(Difference(Applied(At(ClampTerm{-w, -a}), h), once), kExact) << "the signs are moot";
  EXPECT_LT(Difference(Applied(clamp, h, 0.5), (h + once) / 2), kExact) << "half of the way";
  // Where the coordinates are a already, nothing happens.
  const at::Tensor row = h.narrow(0, 0, 1);
  EXPECT_LT(Difference(Applied(At(ClampTerm{w, row.matmul(w.t()).squeeze(0)}), row), row), kExact);
}

TEST(ClampTest, AtZeroTakesDirectionsOut) {
  const at::Tensor h = Random({kRows, kHidden}, 1) * 10, w = Rows(2, 2);
  const SignalTerm ablation = At(ClampTerm{w, at::zeros({2}, at::kDouble)});
  EXPECT_LT(Difference(Applied(ablation, h), Beside(h, w)), kExact);
}

TEST(NullOutTest, TakesOutWhatPointsBeyondAndLeavesTheOthers) {
  const at::Tensor h = Random({40, kHidden}, 1) * 3, w = Random({kHidden}, 2) * 5;
  for (const double b : {0.0, 6.0, -6.0}) {
    SCOPED_TRACE(b);
    const SignalTerm term = At(NullOutTerm{w, at::full({1}, b, at::kDouble)});
    const at::Tensor once = Applied(term, h);
    const at::Tensor before = h.matmul(w), after = once.matmul(w);
    int beyond = 0;
    for (int64_t i = 0; i < 40; ++i) {
      if (before[i].item<double>() + b > 0) {
        ++beyond;
        EXPECT_NEAR(after[i].item<double>(), -b, 1e-10);
      } else {
        EXPECT_TRUE(at::equal(once[i], h[i]));
      }
    }
    EXPECT_GT(beyond, 5);
    EXPECT_LT(beyond, 35);
    const at::Tensor unit = (w / w.norm()).unsqueeze(0);
    EXPECT_LT(Difference(Beside(once, unit), Beside(h, unit)), kExact);
    EXPECT_LT(Difference(Applied(term, once), once), kExact) << "idempotent";
    if (b == 0) {
      EXPECT_TRUE(at::equal(Applied(At(NullOutTerm{.w = w}), h), once)) << "no b is a b of 0";
    }
  }
}

TEST(LowRankAffineTest, SetsTheCoordinatesToAnAffineMapOfTheRow) {
  const at::Tensor h = Random({kRows, kHidden}, 1), r = Rows(4, 2);
  const at::Tensor w = Random({4, kHidden}, 3), b = Random({4}, 4);
  const at::Tensor once = Applied(At(LowRankAffineTerm{r, w, b}), h);
  EXPECT_LT(Difference(once.matmul(r.t()), h.matmul(w.t()) + b), kExact);
  EXPECT_LT(Difference(Beside(once, r), Beside(h, r)), kExact);
}

TEST(LowRankAffineTest, OfItselfIsNothing) {
  const at::Tensor h = Random({kRows, kHidden}, 1), r = Rows(4, 2);
  EXPECT_TRUE(at::equal(Applied(At(LowRankAffineTerm{.r = r, .w = r}), h), h));
}

TEST(BottleneckTest, WithoutUIsNothing) {
  const at::Tensor h = Random({kRows, kHidden}, 1);
  for (const Nonlinearity phi : {Nonlinearity::kIdentity, Nonlinearity::kSilu}) {
    const SignalTerm term = At(BottleneckTerm{
        phi, Random({3, kHidden}, 2), at::zeros({kHidden, 3}, at::kDouble), Random({3}, 4)});
    EXPECT_TRUE(at::equal(Applied(term, h), h));
  }
}

TEST(BottleneckTest, LinearIsALoraThatReadsWhatItChanges) {
  const at::Tensor h = Random({kRows, kHidden}, 1);
  const at::Tensor d = Random({3, kHidden}, 2), u = Random({kHidden, 3}, 3);
  const at::Tensor bias = Random({kHidden}, 4);
  const SignalTerm bottleneck =
      At(BottleneckTerm{.phi = Nonlinearity::kIdentity, .d = d, .u = u, .b = bias});
  const SignalTerm lora = At(AffineTerm{.a = d, .b = u, .db = bias});
  EXPECT_LT(Difference(Applied(bottleneck, h, 0.7), Applied(lora, h, 0.7)), kExact);
}

TEST(BottleneckTest, SiluIsBetweenTheTwoProducts) {
  const at::Tensor h = Random({kRows, kHidden}, 1);
  const at::Tensor d = Random({3, kHidden}, 2), u = Random({kHidden, 3}, 3), e = Random({3}, 4);
  const at::Tensor z = h.matmul(d.t()) + e;
  const at::Tensor expected = h + (z / (1 + (-z).exp())).matmul(u.t());
  const SignalTerm term = At(BottleneckTerm{Nonlinearity::kSilu, d, u, e, {}});
  EXPECT_LT(Difference(Applied(term, h), expected), kExact);
}

// A bad autoencoder of random weights.
FeatureShiftTerm Shift(bool jump) {
  FeatureShiftTerm term;
  term.w_enc = Random({9, kHidden}, 2);
  term.b_enc = Random({9}, 3);
  term.w_dec = Random({9, kHidden}, 4);
  term.w_a = Random({9, kHidden}, 5);
  term.b_a = Random({9}, 6);
  term.tau = Random({9}, 7).abs();
  if (jump) term.threshold = Random({9}, 8).abs();
  return term;
}

at::Tensor Features(const FeatureShiftTerm& term, const at::Tensor& h) {
  const at::Tensor z = h.matmul(term.w_enc.t()) + term.b_enc;
  if (!term.threshold.defined()) return z.clamp_min(0);
  return at::where(z > term.threshold, z, at::zeros_like(z));
}

TEST(FeatureShiftTest, IsDecodingShiftedFeaturesWithTheErrorKept) {
  const at::Tensor h = Random({kRows, kHidden}, 1), b_dec = Random({kHidden}, 9);
  for (const bool jump : {false, true}) {
    const FeatureShiftTerm term = Shift(jump);
    const auto decode = [&](const at::Tensor& f) { return f.matmul(term.w_dec) + b_dec; };
    const at::Tensor x = h.matmul(term.w_a.t()) + term.b_a;
    const at::Tensor v = x - x.minimum(term.tau).maximum(-term.tau);
    const at::Tensor f = Features(term, h);
    const at::Tensor expected = decode((f + v).clamp_min(0)) + (h - decode(f));
    EXPECT_LT(Difference(Applied(At(term), h), expected), kExact) << jump;
    EXPECT_GT(Difference(h, expected), 0.1);
  }
}

TEST(FeatureShiftTest, NoShiftIsNothing) {
  const at::Tensor h = Random({kRows, kHidden}, 1);
  for (const bool jump : {false, true}) {
    FeatureShiftTerm term = Shift(jump);
    term.w_a = at::zeros_like(term.w_a);
    term.b_a = term.tau / 2;  // below tau
    EXPECT_TRUE(at::equal(Applied(At(term), h), h)) << jump;
  }
}

TEST(FeatureShiftTest, AConstantShiftOfAnActiveFeatureIsItsDecoderRow) {
  FeatureShiftTerm term = Shift(/*jump=*/true);
  // A row on which feature 2 is active.
  const at::Tensor h = term.w_enc.narrow(0, 2, 1) * 3;
  const double f = Features(term, h).index({0, 2}).item<double>();
  ASSERT_GT(f, 1);
  term.w_a = at::zeros_like(term.w_a);
  term.tau = at::zeros_like(term.tau);
  const auto shifted = [&](double shift) {
    term.b_a = at::zeros({9}, at::kDouble).index_fill(0, at::tensor(int64_t{2}), shift);
    return Applied(At(term), h);
  };
  EXPECT_LT(Difference(shifted(1.5), h + 1.5 * term.w_dec[2]), kExact);
  EXPECT_LT(Difference(shifted(-2 * f), h - f * term.w_dec[2]), 1e-10) << "no feature is below 0";
}

}  // namespace
}  // namespace steer

// The manifold's plane on planted activations: a plane in eight dimensions with a little noise.
#include "core/runtime/principal_subspace.h"

#include <cmath>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

constexpr int64_t kTokens = 400;
constexpr int64_t kWidth = 8;

class PrincipalSubspaceTest : public ::testing::Test {
 protected:
  PrincipalSubspaceTest() {
    at::Generator random = at::detail::createCPUGenerator(11);
    const auto fp64 = at::dtype(at::kDouble);
    // Orthonormal directions: the first two span the plane.
    directions_ = std::get<0>(at::linalg_qr(at::randn({kWidth, kWidth}, random, fp64)));
    const at::Tensor along = at::randn({kTokens, 2}, random, fp64) * at::tensor({5.0, 3.0}, fp64);
    mean_ = at::full({kWidth}, 20.0, fp64);
    // The noise has no part along the plane, so that directions can be told exactly.
    const at::Tensor beside = 0.1 * at::randn({kTokens, kWidth - 2}, random, fp64);
    plain_ = mean_ + along.matmul(Columns(0, 2).t()) + beside.matmul(Columns(2, kWidth - 2).t());
  }

  at::Tensor Columns(int64_t first, int64_t count) const {
    return directions_.narrow(1, first, count);
  }

  PrincipalSubspace Plane(const SubspaceSize& size) const {
    ActivationMoments moments;
    // In parts of different sizes, as texts come.
    moments.Add(plain_.narrow(0, 0, 1));
    moments.Add(plain_.narrow(0, 1, 99));
    moments.Add(plain_.narrow(0, 100, kTokens - 100));
    EXPECT_EQ(moments.count(), kTokens);
    auto plane = FindSubspace(moments, size);
    EXPECT_TRUE(plane.ok()) << plane.status();
    return *plane;
  }

  // A signal that adds m v, read at some multipliers.
  std::vector<ManifoldPoint> PointsOf(const at::Tensor& v, const std::vector<double>& multipliers) {
    std::vector<at::Tensor> strengths = {plain_};
    for (const double m : multipliers) strengths.push_back(plain_ + m * v);
    const auto shifts =
        ShiftsFrom(Plane({.components = {}, .explained_share = 0.9}), at::stack(strengths));
    std::vector<ManifoldPoint> points;
    for (size_t i = 0; i < multipliers.size(); ++i) {
      const auto point = MakeManifoldPoint(multipliers[i], shifts[i + 1], shifts[0]);
      EXPECT_TRUE(point.ok()) << point.status();
      points.push_back(*point);
    }
    return points;
  }

  at::Tensor directions_;  // [width, width]
  at::Tensor mean_;        // [width]
  at::Tensor plain_;       // [tokens, width]
};

TEST_F(PrincipalSubspaceTest, FindsThePlantedPlane) {
  const PrincipalSubspace plane = Plane({.components = {}, .explained_share = 0.9});
  EXPECT_EQ(plane.size.components, 2);
  EXPECT_GT(plane.size.explained_share, 0.99);
  EXPECT_LT(plane.size.explained_share, 1);
  // The same projection as that of the planted directions, up to what the noise turns it by.
  const at::Tensor planted = Columns(0, 2).matmul(Columns(0, 2).t());
  const at::Tensor found = plane.basis.matmul(plane.basis.t());
  EXPECT_LT((planted - found).abs().max().item<double>(), 0.01);
  EXPECT_TRUE(at::allclose(plane.mean, plain_.mean(0), 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(plane.basis.t().matmul(plane.basis), at::eye(2, at::kDouble), 0, 1e-12));
}

TEST_F(PrincipalSubspaceTest, MomentsAreThoseOfAllRowsAtOnce) {
  ActivationMoments moments;
  for (int64_t begin = 0; begin < kTokens; begin += 40) moments.Add(plain_.narrow(0, begin, 40));
  EXPECT_TRUE(at::allclose(moments.Covariance(), at::cov(plain_.t(), 0), 1e-9, 1e-12));
}

TEST_F(PrincipalSubspaceTest, BesideThePlaneTheDistanceGrowsWithTheMultiplier) {
  const at::Tensor v = Columns(4, 1).squeeze(1);  // of length 1
  const std::vector<ManifoldPoint> points = PointsOf(v, {-20, -10, 0, 10, 20});
  EXPECT_EQ(points[2].distance_ratio, 1);
  EXPECT_EQ(points[2].norm_ratio.mean, 1);
  for (const ManifoldPoint& point : points) {
    const double m = point.multiplier;
    // sqrt of (noise beside the plane, along v and not)
    const at::Tensor noise =
        (plain_ - mean_).matmul(Columns(2, kWidth - 2)) + m * v.matmul(Columns(2, kWidth - 2));
    EXPECT_NEAR(point.distance.mean, noise.norm(2, 1).mean().item<double>(), 0.05);
    EXPECT_NEAR(point.change, std::abs(m), 1e-9);
    const at::Tensor ratio = (plain_ + m * v).norm(2, 1) / plain_.norm(2, 1);
    EXPECT_NEAR(point.norm_ratio.mean, ratio.mean().item<double>(), 1e-12);
    EXPECT_NEAR(point.norm_ratio.median, ratio.quantile(0.5).item<double>(), 1e-12);
    EXPECT_NEAR(point.norm_ratio.low, ratio.quantile(0.05).item<double>(), 1e-12);
    EXPECT_NEAR(point.norm_ratio.high, ratio.quantile(0.95).item<double>(), 1e-12);
    EXPECT_LT(point.change_inside.value_or(0), 1e-3);
  }
  EXPECT_NEAR(points[0].distance.mean, 20, 0.1);
  EXPECT_NEAR(points[3].distance.mean, 10, 0.1);
}

TEST_F(PrincipalSubspaceTest, AlongThePlaneTheDistanceStays) {
  const at::Tensor v = Columns(0, 2).sum(1) / std::sqrt(2.0);
  for (const ManifoldPoint& point : PointsOf(v, {-20, 10, 20})) {
    // The found plane is turned by the noise a little.
    EXPECT_NEAR(point.distance_ratio, 1, 0.1) << point.multiplier;
    EXPECT_NEAR(point.change, std::abs(point.multiplier), 1e-9);
    EXPECT_GT(*point.change_inside, 0.999);
  }
}

TEST_F(PrincipalSubspaceTest, AsManyComponentsAsAskedFor) {
  EXPECT_EQ(Plane({.components = 5}).basis.size(1), 5);
  ActivationMoments moments;
  moments.Add(plain_.narrow(0, 0, 4));
  EXPECT_FALSE(FindSubspace(moments, {.components = 3}).ok());
  EXPECT_TRUE(FindSubspace(moments, {.components = 2}).ok());
  // Copies of one token are one point.
  ActivationMoments one;
  one.Add(plain_.narrow(0, 0, 1).expand({10, kWidth}));
  EXPECT_EQ(FindSubspace(one, {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace steer

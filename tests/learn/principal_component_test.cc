#include "core/learn/principal_component.h"

#include <cmath>
#include <random>

#include "gtest/gtest.h"

namespace steer {
namespace {

// Rows whose only squares along orthonormal directions are `scales`: direction i is axis i, turned
// by a reflection that mixes all axes.
ActivationRows Rows(const std::vector<double>& scales, size_t width) {
  ActivationRows rows;
  for (size_t i = 0; i < scales.size(); ++i) {
    std::vector<float> row(width);
    // (I - 2 r r^T) e_i with r = 1 / sqrt(width)
    for (size_t j = 0; j < width; ++j) {
      const double reflected = (i == j ? 1.0 : 0.0) - 2.0 / static_cast<double>(width);
      row[j] = static_cast<float>(scales[i] * reflected);
    }
    rows.Add(row);
  }
  return rows;
}

// How much of the component lies along row i of Rows.
double Along(const PrincipalComponent& component, size_t i) {
  const double width = static_cast<double>(component.direction.size());
  double sum = 0;
  for (size_t j = 0; j < component.direction.size(); ++j)
    sum += component.direction[j] * ((i == j ? 1.0 : 0.0) - 2.0 / width);
  return std::abs(sum);
}

TEST(PrincipalComponentTest, FindsTheLargestOfOrthogonalDirections) {
  for (const size_t width : {5, 64, 300}) {
    const std::vector<double> scales = {1, 2, 0.5, 3, 1.5};
    const auto component = FindPrincipalComponent(Rows(scales, width));
    ASSERT_TRUE(component.has_value());
    EXPECT_NEAR(Norm(component->direction), 1, 1e-12);
    EXPECT_NEAR(Along(*component, 3), 1, 1e-12) << width;
    EXPECT_NEAR(component->explained_share, 9 / (1 + 4 + 0.25 + 9 + 2.25), 1e-6);
  }
}

// Many more directions than a Krylov space has, the two largest a thousandth apart.
TEST(PrincipalComponentTest, TellsDirectionsApartThatExplainNearlyAsMuch) {
  std::vector<double> scales;
  for (int i = 0; i < 400; ++i) scales.push_back(1 - 0.5 * i / 400.0);
  scales[77] = 1.001;
  const auto component = FindPrincipalComponent(Rows(scales, 500));
  ASSERT_TRUE(component.has_value());
  EXPECT_NEAR(Along(*component, 77), 1, 1e-9);
}

TEST(PrincipalComponentTest, OneRowIsItsOwnDirectionAndZerosHaveNone) {
  const auto component = FindPrincipalComponent(Rows({4}, 10));
  ASSERT_TRUE(component.has_value());
  EXPECT_NEAR(Along(*component, 0), 1, 1e-12);
  EXPECT_NEAR(component->explained_share, 1, 1e-12);
  EXPECT_FALSE(FindPrincipalComponent(Rows({0, 0}, 10)).has_value());
  EXPECT_FALSE(FindPrincipalComponent(ActivationRows()).has_value());
}

// More rows than dimensions: no direction of length 1 has a larger square than the one found.
TEST(PrincipalComponentTest, NoOtherDirectionExplainsMore) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  constexpr size_t kWidth = 40;
  ActivationRows rows;
  for (int i = 0; i < 200; ++i) {
    std::vector<float> row(kWidth);
    for (float& value : row) value = static_cast<float>(normal(random));
    rows.Add(row);
  }
  const auto component = FindPrincipalComponent(rows);
  ASSERT_TRUE(component.has_value());
  const auto square = [&](const std::vector<double>& u) {
    const double length = Norm(rows.Times(u)) / Norm(u);
    return length * length;
  };
  const double found = square(component->direction);
  EXPECT_NEAR(found / rows.SquareSum(), component->explained_share, 1e-12);
  for (size_t i = 0; i < kWidth; ++i) {
    for (const double step : {-1e-3, 1e-3}) {
      std::vector<double> other = component->direction;
      other[i] += step;
      EXPECT_LE(square(other), found * (1 + 1e-12)) << i;
    }
  }
}

TEST(ActivationRowsTest, ProductsAndMeansAreThoseByHand) {
  ActivationRows rows;
  rows.Add(std::vector<float>{1, 2, 3});
  rows.Add(std::vector<float>{5, 8, 1});
  EXPECT_EQ(rows.Times(std::vector<double>{1, -1, 2}), (std::vector<double>{5, -1}));
  EXPECT_EQ(rows.TimesOnLeft(std::vector<double>{2, -1}), (std::vector<double>{-3, -4, 5}));
  EXPECT_EQ(rows.SquareSum(), 1 + 4 + 9 + 25 + 64 + 1);
  rows.Centre();
  EXPECT_EQ(rows.TimesOnLeft(std::vector<double>{1, 0}), (std::vector<double>{-2, -3, 1}));
  EXPECT_EQ(rows.TimesOnLeft(std::vector<double>{1, 1}), (std::vector<double>{0, 0, 0}));
}

}  // namespace
}  // namespace steer

#include "core/learn/principal_component.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/base/philox.h"

namespace steer {
namespace {

constexpr size_t kSpace = 24;        // dimensions of a Krylov space
constexpr int kMostSpaces = 200;     // then two directions explain as much, to a millionth
constexpr double kAccuracy = 1e-11;  // |X^T X u - s u| / s
constexpr double kNothing = 1e-14;   // of the largest: rounding

using Vectors = std::vector<std::vector<double>>;

// A vector among the rows: they are added up with numbers of a fixed sequence, with which no data
// cancels but by intent.
std::vector<double> Start(const ActivationRows& rows) {
  std::vector<double> weights(rows.count());
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<double>(Philox4x32({static_cast<uint32_t>(i), 0, 0, 0}, {0, 0})[0]) -
                 2147483647.5;
  std::vector<double> start = rows.TimesOnLeft(weights);
  Scale(1 / Norm(start), start);
  return start;
}

// Takes what lies along the basis away from w, twice, since rounding leaves something the first
// time; how much that was.
std::vector<double> Orthogonalise(const Vectors& basis, std::vector<double>& w) {
  std::vector<double> along(basis.size());
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t i = 0; i < basis.size(); ++i) {
      const double part = Dot(basis[i], w);
      AddScaled(basis[i], -part, w);
      along[i] += part;
    }
  }
  return along;
}

Vectors Square(const Vectors& m) {
  Vectors square(m.size(), std::vector<double>(m.size()));
  for (size_t i = 0; i < m.size(); ++i) {
    for (size_t j = 0; j < m.size(); ++j) square[i][j] = Dot(m[i], m[j]);  // m is symmetric
  }
  return square;
}

// The first eigenvector of a small symmetric matrix without negative eigenvalues: what its power
// 2^60 makes of everything.
std::vector<double> FirstEigenvector(Vectors m) {
  size_t largest = 0;
  for (int i = 0; i < 60; ++i) {
    for (size_t j = 0; j < m.size(); ++j) {
      if (m[j][j] > m[largest][largest]) largest = j;
    }
    const double scale = 1 / m[largest][largest];
    for (std::vector<double>& row : m) Scale(scale, row);
    m = Square(m);
  }
  std::vector<double> vector = m[largest];
  Scale(1 / Norm(vector), vector);
  return vector;
}

// An orthonormal basis of the span of u, X^T X u, (X^T X)^2 u, ... and X^T X in it.
struct KrylovSpace {
  Vectors basis;
  Vectors matrix;
  double rest = 0;  // how far X^T X leads out of it from the last vector
};

KrylovSpace Span(const ActivationRows& rows, std::vector<double> u) {
  KrylovSpace space;
  space.basis.push_back(std::move(u));
  const size_t most = std::min({kSpace, rows.count(), rows.width()});
  space.matrix.assign(most, std::vector<double>(most));
  while (true) {
    const size_t k = space.basis.size();
    std::vector<double> w = rows.TimesOnLeft(rows.Times(space.basis.back()));
    const double whole = Norm(w);
    const std::vector<double> along = Orthogonalise(space.basis, w);
    for (size_t i = 0; i < k; ++i) space.matrix[i][k - 1] = space.matrix[k - 1][i] = along[i];
    space.rest = Norm(w);
    if (k == most || !(space.rest > kNothing * whole)) break;
    Scale(1 / space.rest, w);
    space.basis.push_back(std::move(w));
  }
  space.matrix.resize(space.basis.size());
  for (std::vector<double>& row : space.matrix) row.resize(space.basis.size());
  return space;
}

}  // namespace

// The best vector of a Krylov space, in which another one begins, until it is an eigenvector of
// X^T X.
std::optional<PrincipalComponent> FindPrincipalComponent(const ActivationRows& rows) {
  const double total = rows.SquareSum();
  if (!(total > 0)) return std::nullopt;
  std::vector<double> u = Start(rows);
  double square = 0;
  for (int i = 0; i < kMostSpaces; ++i) {
    const KrylovSpace space = Span(rows, std::move(u));
    const std::vector<double> best = FirstEigenvector(space.matrix);
    u.assign(rows.width(), 0);
    for (size_t j = 0; j < best.size(); ++j) AddScaled(space.basis[j], best[j], u);
    Scale(1 / Norm(u), u);
    const std::vector<double> projected = rows.Times(u);
    square = Dot(projected, projected);
    if (space.rest * std::abs(best.back()) <= kAccuracy * square) break;
  }
  return PrincipalComponent{.direction = std::move(u), .explained_share = square / total};
}

}  // namespace steer

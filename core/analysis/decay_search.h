#pragma once

#include <vector>

#include "core/analysis/validity_decay.h"

namespace steer {

// The inside of curve_fit: the least-squares search in standard units. Pure, no state.
//
// A curve y(x) = (alpha x + beta) D(x) + b with x scaled to [-1, 1] and y to mean 0 and variance 1,
// so that one set of bounds, starts and tolerances serves vectors (m near 20) and weights (m near
// 2) alike. Points with x >= 0 belong to the positive side.
struct StandardCurve {
  std::vector<double> x;     // ascending; at least one above 0
  std::vector<double> y;     // [x]
  bool linear_term = false;  // preference has alpha, utility has not
  double extent_positive = 1;
  double extent_negative = 0;  // 0: only x >= 0 was measured, D has one side
};

// The search's coordinates of D. They hold D(0+) = D(0-) by construction:
//   c = q² = -log D(0), common to both sides;  v² = L / p;  log v, log p free;
//   m± = ± v± q h(q² / p±),  h(z) = sqrt((e^z - 1) / z), h(0) = 1,
// since D(0) = (1 + m±² / L±)^(-p±) then gives e^(-c) on either side. Eliminating p- from the
// constraint instead (paper 2.5c) divides 0 by 0 for a peak at 0; here that is q = 0, an ordinary
// point, and as L and p grow together the side tends to the bell exp(-(x - m±)² / v²) while v stays
// put. As an equality of SLSQP the constraint would lose its gradient at the same place.
//
// Which side of 0 the peaks lie on is a choice of signs, not a number: one peak on either side of 0
// (+, -), or both sides' peaks to the right (+, +) or to the left (-, -). The fourth choice is left
// out: D would nowhere reach 1, and its height could not be told from beta.
struct DecayPoint {
  double sign_positive = 1;
  double sign_negative = -1;
  std::vector<double> theta;  // q, log v+, log p+ [, log v-, log p-]
};

DecayPoint ToDecayPoint(const StandardCurve& curve, const ValidityDecay& decay);

struct SearchResult {
  ValidityDecay decay;
  double alpha = 0;
  double beta = 0;
  double b = 0;
  double misfit = 0;  // mean squared residual = 1 - R²
  // No coordinate can lower the misfit: its slope along each (but into a bound) is below 1e-4.
  bool stationary = false;
};

// The starts of a cold search, always the same ones in the same order, closed under reflection.
std::vector<DecayPoint> DefaultStarts(const StandardCurve& curve);

// The starts of a warm search: the given point with each choice of signs.
std::vector<DecayPoint> WarmStarts(const StandardCurve& curve, const DecayPoint& point);

// SLSQP (NLopt) from every start, alpha, beta and b solved by linear least squares inside (variable
// projection); the few best ends are then run to convergence, and the best of those is returned.
SearchResult SearchDecay(const StandardCurve& curve, const std::vector<DecayPoint>& starts);

}  // namespace steer

#include "core/analysis/decay_search.h"

#include <nlopt.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "core/base/check.h"

namespace steer {
namespace {

// Bounds of the search in standard units; v is relative to the extent of its own side. Beyond them
// the curves are indistinguishable: a D that falls by less than 1 % over the range, a peak narrower
// than any grid, tails that are a bell already.
constexpr double kMaxQ = 2;
constexpr double kMinV = 0.02, kMaxV = 10;
constexpr double kMinP = 0.05, kMaxP = 50;
// Keeps alpha and beta unique where D is almost constant; costs R² about 1e-10 times their square.
constexpr double kRidge = 1e-10;
constexpr int kScoutEvaluations = 40, kFinalEvaluations = 2000;
constexpr size_t kFinalists = 8;
constexpr double kStationary = 1e-4;

// One side of D with the derivatives of its peak.
struct SearchSide {
  double v = 1, p = 1, peak = 0;
  double peak_by_q = 0, peak_by_log_p = 0;  // and peak_by_log_v = peak

  SearchSide(double sign, double q, double log_v, double log_p)
      : v(std::exp(log_v)), p(std::exp(log_p)) {
    const double z = q * q / p;
    const bool small = z < 1e-4;  // where the closed form of h' loses its digits
    const double h = small ? 1 + z / 4 + 5 * z * z / 96 : std::sqrt(std::expm1(z) / z);
    const double slope =
        small ? 0.25 + 5 * z / 48 : (z * std::exp(z) - std::expm1(z)) / (2 * z * z * h);
    peak = sign * v * q * h;
    peak_by_q = sign * v * (h + 2 * z * slope);
    peak_by_log_p = -sign * v * q * z * slope;
  }
  DecaySide ToDecay() const { return {.peak = peak, .width = p * v * v, .tail = p}; }
};

// The misfit as a function of theta: D at theta, then the best alpha, beta, b for that D.
class VariableProjection {
 public:
  VariableProjection(const StandardCurve& curve, double sign_positive, double sign_negative)
      : curve_(curve),
        sign_positive_(sign_positive),
        sign_negative_(sign_negative),
        d_(curve.x.size()) {}

  bool two_sided() const { return curve_.extent_negative > 0; }

  // Fills `gradient` [theta] unless it is null.
  double Misfit(const double* theta, double* gradient) {
    const SearchSide positive(sign_positive_, theta[0], theta[1], theta[2]);
    const SearchSide negative =
        two_sided() ? SearchSide(sign_negative_, theta[0], theta[3], theta[4]) : positive;
    const DecaySide sides[] = {positive.ToDecay(), negative.ToDecay()};
    for (size_t i = 0; i < d_.size(); ++i) {
      d_[i] = Validity(sides[curve_.x[i] < 0 ? 1 : 0], curve_.x[i]);
    }
    SolveLinear();
    const double n = static_cast<double>(d_.size());
    result_.misfit = 0;
    std::array<double, 5> slope = {};
    for (size_t i = 0; i < d_.size(); ++i) {
      const double x = curve_.x[i];
      const double scale = (result_.alpha * x + result_.beta) * d_[i];
      const double residual = curve_.y[i] - scale - result_.b;
      result_.misfit += residual * residual / n;
      AddSlope(x < 0 ? negative : positive, x, -2 * residual * scale / n, slope);
    }
    if (gradient != nullptr) std::copy_n(slope.begin(), two_sided() ? 5 : 3, gradient);
    return result_.misfit + kRidge * (result_.alpha * result_.alpha + result_.beta * result_.beta);
  }

  // The result at the last theta asked for.
  SearchResult result(const double* theta) const {
    SearchResult result = result_;
    result.decay.positive = SearchSide(sign_positive_, theta[0], theta[1], theta[2]).ToDecay();
    if (two_sided()) {
      result.decay.negative = SearchSide(sign_negative_, theta[0], theta[3], theta[4]).ToDecay();
    }
    return result;
  }

 private:
  // Least squares of y on (x D, D, 1): b by centring, alpha and beta from 2 x 2 normal equations.
  void SolveLinear() {
    const double n = static_cast<double>(d_.size());
    double mean_xd = 0, mean_d = 0;
    for (size_t i = 0; i < d_.size(); ++i) {
      mean_xd += curve_.x[i] * d_[i] / n;
      mean_d += d_[i] / n;
    }
    double aa = kRidge, ab = 0, bb = kRidge, ay = 0, by = 0;
    for (size_t i = 0; i < d_.size(); ++i) {
      const double a = curve_.x[i] * d_[i] - mean_xd, b = d_[i] - mean_d, y = curve_.y[i];
      aa += a * a / n;
      ab += a * b / n;
      bb += b * b / n;
      ay += a * y / n;
      by += b * y / n;
    }
    if (curve_.linear_term) {
      const double determinant = aa * bb - ab * ab;
      result_.alpha = (ay * bb - by * ab) / determinant;
      result_.beta = (by * aa - ay * ab) / determinant;
    } else {
      result_.beta = by / bb;
    }
    result_.b = -result_.alpha * mean_xd - result_.beta * mean_d;
  }

  // Adds `weight` times d log D(x) / d theta. alpha, beta and b minimise the misfit themselves, so
  // they add nothing to its slope.
  static void AddSlope(const SearchSide& side, double x, double weight,
                       std::array<double, 5>& slope) {
    const double t = x - side.peak;
    const double k = t * t / (side.p * side.v * side.v);
    const double by_peak = 2 * t / (side.v * side.v) / (1 + k);
    const size_t offset = x < 0 ? 3 : 1;
    slope[0] += weight * by_peak * side.peak_by_q;
    slope[offset] += weight * (2 * side.p * k / (1 + k) + by_peak * side.peak);
    slope[offset + 1] +=
        weight * (side.p * (k / (1 + k) - std::log1p(k)) + by_peak * side.peak_by_log_p);
  }

  const StandardCurve& curve_;
  const double sign_positive_, sign_negative_;
  std::vector<double> d_;  // [x]
  SearchResult result_;
};

struct Bounds {
  std::vector<double> low, high;  // [theta]
};

Bounds BoundsOf(const StandardCurve& curve) {
  Bounds bounds{{0}, {kMaxQ}};
  for (const double extent : {curve.extent_positive, curve.extent_negative}) {
    if (extent <= 0) continue;
    bounds.low.insert(bounds.low.end(), {std::log(kMinV * extent), std::log(kMinP)});
    bounds.high.insert(bounds.high.end(), {std::log(kMaxV * extent), std::log(kMaxP)});
  }
  return bounds;
}

double Objective(unsigned, const double* theta, double* gradient, void* problem) {
  return static_cast<VariableProjection*>(problem)->Misfit(theta, gradient);
}

// Moves `point` downhill; returns the objective there. How SLSQP ended does not matter (at the
// limit of rounding it calls success a failure): IsStationary judges the place.
double Descend(const StandardCurve& curve, int evaluations, DecayPoint& point) {
  VariableProjection problem(curve, point.sign_positive, point.sign_negative);
  const Bounds bounds = BoundsOf(curve);
  const std::unique_ptr<nlopt_opt_s, decltype(&nlopt_destroy)> optimiser(
      nlopt_create(NLOPT_LD_SLSQP, point.theta.size()), &nlopt_destroy);
  STEER_CHECK(optimiser != nullptr);
  nlopt_set_min_objective(optimiser.get(), &Objective, &problem);
  nlopt_set_lower_bounds(optimiser.get(), bounds.low.data());
  nlopt_set_upper_bounds(optimiser.get(), bounds.high.data());
  nlopt_set_maxeval(optimiser.get(), evaluations);
  nlopt_set_xtol_rel(optimiser.get(), 1e-10);
  nlopt_set_ftol_abs(optimiser.get(), 1e-15);
  std::vector<double> theta = point.theta;
  double value = 0;
  nlopt_optimize(optimiser.get(), theta.data(), &value);
  const double before = problem.Misfit(point.theta.data(), nullptr);
  const double after = problem.Misfit(theta.data(), nullptr);
  if (!(after < before)) return before;
  point.theta = std::move(theta);
  return after;
}

bool IsStationary(const Bounds& bounds, const std::vector<double>& theta,
                  const std::vector<double>& gradient) {
  for (size_t i = 0; i < theta.size(); ++i) {
    const bool held = (gradient[i] > 0 && theta[i] <= bounds.low[i] + 1e-9) ||
                      (gradient[i] < 0 && theta[i] >= bounds.high[i] - 1e-9);
    if (!held && !(std::abs(gradient[i]) <= kStationary)) return false;
  }
  return true;
}

}  // namespace

DecayPoint ToDecayPoint(const StandardCurve& curve, const ValidityDecay& decay) {
  STEER_CHECK(decay.positive.has_value());
  const auto q_of = [](const DecaySide& side) {
    return std::sqrt(side.tail * std::log1p(side.peak * side.peak / side.width));
  };
  DecayPoint point;
  point.theta = {q_of(*decay.positive)};
  point.sign_positive = decay.positive->peak < 0 ? -1 : 1;
  for (const std::optional<DecaySide>& side : {decay.positive, decay.negative}) {
    if (!side) continue;
    point.theta.push_back(std::log(side->width / side->tail) / 2);
    point.theta.push_back(std::log(side->tail));
  }
  if (decay.negative) point.sign_negative = decay.negative->peak > 0 ? 1 : -1;
  const Bounds bounds = BoundsOf(curve);
  STEER_CHECK(bounds.low.size() == point.theta.size());
  for (size_t i = 0; i < point.theta.size(); ++i) {
    point.theta[i] = std::clamp(point.theta[i], bounds.low[i], bounds.high[i]);
  }
  return point;
}

std::vector<DecayPoint> WarmStarts(const StandardCurve& curve, const DecayPoint& point) {
  if (curve.extent_negative <= 0) return {{1, -1, point.theta}};
  return {{1, -1, point.theta}, {1, 1, point.theta}, {-1, -1, point.theta}};
}

// Every mixture of a narrow or wide, heavy- or light-tailed side with another: with the same widths
// and tails on both sides, 1 planted curve in 200 ended in a local minimum; with the mixtures none
// of 2400 did.
std::vector<DecayPoint> DefaultStarts(const StandardCurve& curve) {
  constexpr double kQ = 0.4;
  struct Shape {
    double v;  // in extents of the side
    double p;
  };
  constexpr Shape kShapes[] = {{0.25, 0.5}, {0.25, 3}, {0.8, 0.5}, {0.8, 3}};
  const bool two_sided = curve.extent_negative > 0;
  std::vector<DecayPoint> starts;
  for (const Shape& positive : kShapes) {
    DecayPoint point;
    point.theta = {kQ, std::log(positive.v * curve.extent_positive), std::log(positive.p)};
    if (!two_sided) {
      starts.push_back(point);
      continue;
    }
    point.theta.resize(5);
    for (const Shape& negative : kShapes) {
      point.theta[3] = std::log(negative.v * curve.extent_negative);
      point.theta[4] = std::log(negative.p);
      for (DecayPoint& start : WarmStarts(curve, point)) starts.push_back(std::move(start));
    }
  }
  return starts;
}

SearchResult SearchDecay(const StandardCurve& curve, const std::vector<DecayPoint>& starts) {
  struct Ending {
    double objective;
    DecayPoint point;
  };
  const auto better = [](const Ending& a, const Ending& b) { return a.objective < b.objective; };
  std::vector<Ending> endings;
  endings.reserve(starts.size());
  for (DecayPoint point : starts) {
    const double objective = Descend(curve, kScoutEvaluations, point);
    endings.push_back({objective, std::move(point)});
  }
  std::stable_sort(endings.begin(), endings.end(), better);
  endings.resize(std::min(endings.size(), kFinalists));
  for (Ending& ending : endings) {
    ending.objective = Descend(curve, kFinalEvaluations, ending.point);
  }
  const DecayPoint best = std::min_element(endings.begin(), endings.end(), better)->point;
  VariableProjection problem(curve, best.sign_positive, best.sign_negative);
  std::vector<double> gradient(best.theta.size());
  problem.Misfit(best.theta.data(), gradient.data());
  SearchResult result = problem.result(best.theta.data());
  result.stationary = IsStationary(BoundsOf(curve), best.theta, gradient);
  return result;
}

}  // namespace steer

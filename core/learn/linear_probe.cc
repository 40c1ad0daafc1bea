#include "core/learn/linear_probe.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

namespace steer {
namespace {

constexpr int kMostSteps = 100;
constexpr int kMostProducts = 500;     // of a Newton step
constexpr double kAccuracy = 1e-10;    // of the gradient; at the start it is up to 0.5
constexpr double kLeastWeight = 1e-9;  // |w| that is more than rounding
constexpr size_t kParts = 5;

double Label(size_t row) { return row % 2 == 0 ? 1 : -1; }

double Sigmoid(double z) {
  const double e = std::exp(-std::abs(z));
  return (z >= 0 ? 1 : e) / (1 + e);
}

// The regression on the rows that are used. Parameters are w and, behind it, b; [width + 1].
class Regression {
 public:
  Regression(const ActivationRows& rows, double l2, std::vector<bool> used)
      : rows_(rows),
        l2_(l2),
        used_(std::move(used)),
        scale_(std::sqrt(static_cast<double>(rows.count()) / rows.SquareSum())),
        share_(1 / static_cast<double>(std::count(used_.begin(), used_.end(), true))) {}

  // w x / s + b of every row, used or not.
  std::vector<double> Scores(std::span<const double> parameters) const {
    std::vector<double> scores = rows_.Times(parameters.first(rows_.width()));
    for (double& score : scores) score = score * scale_ + parameters.back();
    return scores;
  }

  double Loss(std::span<const double> parameters, std::span<const double> scores) const {
    double sum = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      const double margin = Label(i) * scores[i];
      if (used_[i]) sum += std::max(0.0, -margin) + std::log1p(std::exp(-std::abs(margin)));
    }
    const auto w = parameters.first(rows_.width());
    return share_ * sum + l2_ / 2 * Dot(w, w);
  }

  std::vector<double> Gradient(std::span<const double> parameters,
                               std::span<const double> scores) const {
    std::vector<double> slopes(scores.size());
    for (size_t i = 0; i < scores.size(); ++i)
      slopes[i] = used_[i] ? -share_ * Label(i) * Sigmoid(-Label(i) * scores[i]) : 0;
    return Back(slopes, parameters);
  }

  // The Hessian at these scores, times `change`.
  std::vector<double> Curvature(std::span<const double> scores,
                                std::span<const double> change) const {
    std::vector<double> moved = Scores(change);
    for (size_t i = 0; i < moved.size(); ++i)
      moved[i] *= used_[i] ? share_ * Sigmoid(scores[i]) * Sigmoid(-scores[i]) : 0;
    return Back(moved, change);
  }

 private:
  // What the rows' slopes mean for the parameters, and the penalty's part.
  std::vector<double> Back(std::span<const double> slopes,
                           std::span<const double> penalised) const {
    std::vector<double> back = rows_.TimesOnLeft(slopes);
    Scale(scale_, back);
    AddScaled(penalised.first(back.size()), l2_, back);
    double sum = 0;
    for (const double slope : slopes) sum += slope;
    back.push_back(sum);
    return back;
  }

  const ActivationRows& rows_;
  const double l2_;
  const std::vector<bool> used_;
  const double scale_;  // 1 / s
  const double share_;  // of one row in a mean
};

// Solves Hessian x step = -gradient by conjugate gradients, as closely as the gradient is small.
std::vector<double> NewtonStep(const Regression& regression, std::span<const double> scores,
                               const std::vector<double>& gradient) {
  const double size = Norm(gradient);
  const double enough = std::min(0.5, std::sqrt(size)) * size;
  std::vector<double> step(gradient.size());
  std::vector<double> residual = gradient;
  Scale(-1, residual);
  std::vector<double> direction = residual;
  double square = Dot(residual, residual);
  for (int i = 0; i < kMostProducts && std::sqrt(square) > enough; ++i) {
    const std::vector<double> product = regression.Curvature(scores, direction);
    const double length = square / Dot(direction, product);
    AddScaled(direction, length, step);
    AddScaled(product, -length, residual);
    const double next = Dot(residual, residual);
    Scale(next / square, direction);
    AddScaled(residual, 1, direction);
    square = next;
  }
  return step;
}

// Newton's method from 0; halves a step that does not lower the loss as it should.
std::vector<double> Minimise(const Regression& regression, size_t width) {
  std::vector<double> parameters(width + 1);
  std::vector<double> scores = regression.Scores(parameters);
  double loss = regression.Loss(parameters, scores);
  for (int i = 0; i < kMostSteps; ++i) {
    const std::vector<double> gradient = regression.Gradient(parameters, scores);
    if (!(Norm(gradient) > kAccuracy)) break;
    const std::vector<double> step = NewtonStep(regression, scores, gradient);
    const double slope = Dot(gradient, step);
    for (double length = 1;; length /= 2) {
      std::vector<double> next = parameters;
      AddScaled(step, length, next);
      std::vector<double> next_scores = regression.Scores(next);
      const double next_loss = regression.Loss(next, next_scores);
      if (next_loss <= loss + 1e-4 * length * slope) {
        parameters = std::move(next);
        scores = std::move(next_scores);
        loss = next_loss;
        break;
      }
      // The loss has no digits left to tell which is better.
      if (length < 1e-6) return parameters;
    }
  }
  return parameters;
}

int OnTheirSide(std::span<const double> scores, const std::vector<bool>& counted) {
  int right = 0;
  for (size_t i = 0; i < scores.size(); ++i) right += counted[i] && Label(i) * scores[i] > 0;
  return right;
}

std::optional<double> HeldOutAccuracy(const ActivationRows& rows, double l2) {
  const size_t pairs = rows.count() / 2;
  if (pairs < 2) return std::nullopt;
  const size_t parts = std::min(kParts, pairs);
  int right = 0;
  for (size_t part = 0; part < parts; ++part) {
    std::vector<bool> used(rows.count()), held_out(rows.count());
    for (size_t i = 0; i < rows.count(); ++i) {
      held_out[i] = i / 2 % parts == part;
      used[i] = !held_out[i];
    }
    const Regression regression(rows, l2, used);
    right += OnTheirSide(regression.Scores(Minimise(regression, rows.width())), held_out);
  }
  return static_cast<double>(right) / static_cast<double>(rows.count());
}

}  // namespace

std::optional<LinearProbe> FitLinearProbe(const ActivationRows& rows,
                                          const LinearProbeParams& params) {
  if (!(rows.SquareSum() > 0)) return std::nullopt;
  const std::vector<bool> all(rows.count(), true);
  const Regression regression(rows, params.l2, all);
  const std::vector<double> parameters = Minimise(regression, rows.width());
  LinearProbe probe;
  probe.direction.assign(parameters.begin(), parameters.end() - 1);
  const double length = Norm(probe.direction);
  if (!(length > kLeastWeight)) return std::nullopt;
  Scale(1 / length, probe.direction);
  probe.accuracy = static_cast<double>(OnTheirSide(regression.Scores(parameters), all)) /
                   static_cast<double>(rows.count());
  probe.held_out_accuracy = HeldOutAccuracy(rows, params.l2);
  return probe;
}

}  // namespace steer

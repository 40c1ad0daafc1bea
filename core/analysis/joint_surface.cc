#include "core/analysis/joint_surface.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr int kSteps = 32;  // per cell and axis

std::vector<double> Distinct(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

size_t IndexOf(const std::vector<double>& ascending, double value) {
  return std::lower_bound(ascending.begin(), ascending.end(), value) - ascending.begin();
}

double Bilinear(double low_low, double low_high, double high_low, double high_high, double first,
                double second) {
  const double low = low_low + second * (low_high - low_low);
  const double high = high_low + second * (high_high - high_low);
  return low + first * (high - low);
}

// Whether `a` is the better choice within the budget: what keeps it before what does not, then gain
// (or, beyond the budget, the smaller loss), then nearness to 0.
bool IsBetter(const JointPrediction& a, const JointPrediction& b, double max_loss) {
  const auto key = [max_loss](const JointPrediction& at) {
    const bool kept = at.utility_loss <= max_loss;
    const double distance = std::hypot(at.first, at.second);
    return std::tuple(kept, kept ? at.preference_gain : -at.utility_loss, -distance);
  };
  return key(a) > key(b);
}

}  // namespace

absl::StatusOr<JointSurface> JointSurface::Create(const std::vector<CurvePoint>& points) {
  JointSurface surface;
  for (const CurvePoint& point : points) {
    surface.first_.push_back(point.multiplier);
    surface.second_.push_back(point.second_multiplier);
  }
  surface.first_ = Distinct(std::move(surface.first_));
  surface.second_ = Distinct(std::move(surface.second_));
  const size_t expected = surface.first_.size() * surface.second_.size();
  if (points.size() != expected) {
    return InvalidField("points", absl::StrCat(points.size(), " points"),
                        absl::StrCat(expected, ", one for each pair of multipliers"));
  }
  double least = std::numeric_limits<double>::infinity(), most = -least;
  surface.nodes_.resize(expected);
  std::vector<bool> seen(expected);
  for (const CurvePoint& point : points) {
    const size_t index = IndexOf(surface.first_, point.multiplier) * surface.second_.size() +
                         IndexOf(surface.second_, point.second_multiplier);
    if (seen[index]) {
      return InvalidField("points",
                          absl::StrCat("multipliers ", point.multiplier, " and ",
                                       point.second_multiplier, " twice"),
                          "each pair of multipliers once");
    }
    seen[index] = true;
    surface.nodes_[index] = {point.preference, point.utility.value_or(0),
                             point.utility.has_value()};
    if (!point.utility) continue;
    least = std::min(least, *point.utility);
    most = std::max(most, *point.utility);
  }
  surface.first_zero_ = IndexOf(surface.first_, 0);
  surface.second_zero_ = IndexOf(surface.second_, 0);
  if (expected == 0 || surface.first_zero_ == surface.first_.size() ||
      surface.second_zero_ == surface.second_.size() || surface.first_[surface.first_zero_] != 0 ||
      surface.second_[surface.second_zero_] != 0) {
    return InvalidField("points", "none with both multipliers at 0", "one for the plain model");
  }
  if (!surface.At(surface.first_zero_, surface.second_zero_).sound) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"ZERO_NOT_MEASURED", "points", "no utility where both multipliers are 0",
                       "pairs whose utility is defined at every point"});
  }
  if (most - least >= kLeastCollapse) {
    const double middle = (most + least) / 2;
    for (Node& node : surface.nodes_) node.sound = node.sound && node.utility >= middle;
  }
  return surface;
}

std::vector<JointSurface::Cell> JointSurface::SoundCells() const {
  const size_t rows = first_.size() - 1, columns = second_.size() - 1;
  const auto sound = [&](size_t first, size_t second) {
    return At(first, second).sound && At(first + 1, second).sound && At(first, second + 1).sound &&
           At(first + 1, second + 1).sound;
  };
  std::vector<Cell> cells;
  std::vector<bool> found(rows * columns);
  const auto visit = [&](size_t first, size_t second) {
    // A step below 0 has become a large number.
    if (first >= rows || second >= columns || found[first * columns + second]) return;
    if (!sound(first, second)) return;
    found[first * columns + second] = true;
    cells.push_back({first, second});
  };
  for (const size_t first : {first_zero_ - 1, first_zero_}) {
    for (const size_t second : {second_zero_ - 1, second_zero_}) visit(first, second);
  }
  for (size_t i = 0; i < cells.size(); ++i) {
    const Cell cell = cells[i];
    visit(cell.first - 1, cell.second);
    visit(cell.first + 1, cell.second);
    visit(cell.first, cell.second - 1);
    visit(cell.first, cell.second + 1);
  }
  return cells;
}

JointPrediction JointSurface::Predict(Cell cell, double first_share, double second_share,
                                      Direction direction) const {
  const auto [i, j] = cell;
  // The last row and column of a grid have no cell beyond them.
  const size_t up = std::min(i + 1, first_.size() - 1), right = std::min(j + 1, second_.size() - 1);
  const auto between = [&](double Node::* value) {
    return Bilinear(At(i, j).*value, At(i, right).*value, At(up, j).*value, At(up, right).*value,
                    first_share, second_share);
  };
  const Node& zero = At(first_zero_, second_zero_);
  JointPrediction at{.first = first_[i] + first_share * (first_[up] - first_[i]),
                     .second = second_[j] + second_share * (second_[right] - second_[j]),
                     .preference = between(&Node::preference),
                     .utility = between(&Node::utility)};
  const double gain = at.preference - zero.preference;
  at.preference_gain = direction == Direction::kMorePreference ? gain : -gain;
  at.utility_loss = zero.utility - at.utility;
  return at;
}

absl::StatusOr<JointChoice> JointSurface::RecommendWithinBudget(double max_loss,
                                                                Direction direction) const {
  if (!std::isfinite(max_loss)) {
    return InvalidField("max_loss", absl::StrCat(max_loss), "a finite number of nats");
  }
  JointPrediction best = Predict({first_zero_, second_zero_}, 0, 0, direction);
  for (const Cell cell : SoundCells()) {
    for (int a = 0; a <= kSteps; ++a) {
      for (int b = 0; b <= kSteps; ++b) {
        const JointPrediction at = Predict(cell, static_cast<double>(a) / kSteps,
                                           static_cast<double>(b) / kSteps, direction);
        if (IsBetter(at, best, max_loss)) best = at;
      }
    }
  }
  return JointChoice{.feasible = best.utility_loss <= max_loss, .prediction = best};
}

}  // namespace steer

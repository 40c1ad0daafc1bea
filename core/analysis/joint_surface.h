#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/curve_report.h"
#include "core/analysis/recommend.h"

namespace steer {

// What one pair of multipliers is predicted to do; gains and losses as in Prediction, against both
// at 0.
struct JointPrediction {
  double first = 0;
  double second = 0;
  double preference = 0;
  double preference_gain = 0;
  double utility = 0;
  double utility_loss = 0;
};

struct JointChoice {
  bool feasible = false;  // false: nothing that was searched keeps the budget; this comes nearest
  JointPrediction prediction;
};

// Two signals measured together on a grid: preference and utility between the measured points,
// bilinear within each cell of the grid. Immutable.
class JointSurface {
 public:
  // `points`: every multiplier of the first signal with every one of the second's, in any order.
  // INVALID_ARGUMENT for a grid with holes or without (0, 0); FAILED_PRECONDITION if utility is
  // undefined at (0, 0).
  static absl::StatusOr<JointSurface> Create(const std::vector<CurvePoint>& points);

  // The most gain among what loses at most `max_loss`; of equals the nearest to (0, 0). Searched
  // are the cells that hang together with (0, 0) and whose corners all have a utility above its
  // half-way point: where utility falls by kLeastCollapse or more over the grid, the middle of its
  // extremes; everywhere where it falls by less. Each cell in 32 x 32 steps. INVALID_ARGUMENT for a
  // budget that is not finite.
  absl::StatusOr<JointChoice> RecommendWithinBudget(double max_loss, Direction direction) const;

 private:
  struct Node {
    double preference = 0;
    double utility = 0;
    bool sound = false;  // may be a corner of a cell that is searched
  };
  // Where one axis' value lies among the measured ones.
  struct Cell {
    size_t first = 0;  // between first_[first] and first_[first + 1]
    size_t second = 0;
  };

  JointSurface() = default;
  const Node& At(size_t first, size_t second) const {
    return nodes_[first * second_.size() + second];
  }
  std::vector<Cell> SoundCells() const;
  JointPrediction Predict(Cell cell, double first_share, double second_share,
                          Direction direction) const;

  std::vector<double> first_, second_;  // ascending, with 0
  size_t first_zero_ = 0, second_zero_ = 0;
  std::vector<Node> nodes_;  // [first][second]
};

}  // namespace steer

#include "core/schedule/chunk_sizer.h"

#include <algorithm>
#include <cmath>

namespace steer {
namespace {

constexpr double kDecay = 0.98;  // an observation counts half after 34 steps
constexpr int kEnoughSteps = 8;

}  // namespace

void ChunkSizer::Observe(int rows, double seconds) {
  if (rows < 1 || !(seconds > 0) || !std::isfinite(seconds)) return;
  for (double* sum : {&n_, &x_, &xx_, &y_, &xy_}) *sum *= kDecay;
  n_ += 1;
  x_ += rows;
  xx_ += double{1} * rows * rows;
  y_ += seconds;
  xy_ += rows * seconds;
  if (++observed_ < kEnoughSteps) return;
  // Least squares; where all steps had about the same size, or the line would fall or start below
  // 0, the mean through the origin.
  const double spread = xx_ - x_ * x_ / n_;
  per_row_ = spread > 1e-3 * xx_ ? (xy_ - x_ * y_ / n_) / spread : 0;
  fixed_ = (y_ - per_row_ * x_) / n_;
  if (per_row_ <= 0 || fixed_ < 0) {
    per_row_ = y_ / x_;
    fixed_ = 0;
  }
}

int ChunkSizer::RowsWithin(int rows) const {
  if (bound_ <= 0 || per_row_ <= 0) return rows;
  const double within = (bound_ - fixed_) / per_row_;
  return static_cast<int>(std::clamp(within, 0.0, static_cast<double>(rows)));
}

}  // namespace steer

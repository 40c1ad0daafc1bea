#include "core/schedule/chunk_sizer.h"

#include <algorithm>
#include <cmath>

namespace steer {
namespace {

constexpr double kDecay = 0.98;  // an observation counts half after 34 steps
constexpr int kEnoughSteps = 8;
constexpr double kEnoughSpread = 1e-3;  // of the sizes of steps, as a share of their squares

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
  const double spread = xx_ - x_ * x_ / n_;
  if (spread > kEnoughSpread * xx_) {  // least squares
    per_row_ = (xy_ - x_ * y_ / n_) / spread;
    fitted_ = true;
  }
  // Steps of one size say nothing about the slope: the last one stays, and only the rest is
  // learned. Where there was none, or the line would fall or start below 0, it is the mean through
  // the origin: too much for a row rather than too little.
  fixed_ = (y_ - per_row_ * x_) / n_;
  if (!fitted_ || per_row_ <= 0 || fixed_ < 0) {
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

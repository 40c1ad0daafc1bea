#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace steer {

// Activations one below the other, X [count, width], known to what is computed from them only by
// products with vectors, in fp64. Not thread-safe.
class ActivationRows {
 public:
  // All rows have the width of the first, at least 1.
  void Add(std::span<const float> row);
  // Takes the mean of all rows away from each.
  void Centre();

  size_t count() const { return width_ == 0 ? 0 : values_.size() / width_; }
  size_t width() const { return width_; }
  double SquareSum() const;                                          // sum of |x|^2 over rows
  std::vector<double> Times(std::span<const double> v) const;        // X v, [count]
  std::vector<double> TimesOnLeft(std::span<const double> u) const;  // X^T u, [width]

 private:
  size_t width_ = 0;
  std::vector<float> values_;  // [count, width]
};

// Of fp64 vectors of equal width.
double Dot(std::span<const double> a, std::span<const double> b);
double Norm(std::span<const double> v);
void AddScaled(std::span<const double> v, double factor, std::span<double> sum);  // sum += factor v
void Scale(double factor, std::span<double> v);

}  // namespace steer

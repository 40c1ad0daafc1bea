#include "core/learn/activation_rows.h"

#include <cmath>

#include "core/base/check.h"

namespace steer {
namespace {

// Sums side by side, which a CPU adds up at once.
constexpr size_t kSums = 8;

template <typename T>
double DotOf(const T* a, const double* b, size_t width) {
  double sums[kSums] = {};
  size_t i = 0;
  for (; i + kSums <= width; i += kSums) {
    for (size_t s = 0; s < kSums; ++s) sums[s] += static_cast<double>(a[i + s]) * b[i + s];
  }
  double sum = 0;
  for (; i < width; ++i) sum += static_cast<double>(a[i]) * b[i];
  for (const double one : sums) sum += one;
  return sum;
}

}  // namespace

double Dot(std::span<const double> a, std::span<const double> b) {
  return DotOf(a.data(), b.data(), a.size());
}

double Norm(std::span<const double> v) { return std::sqrt(Dot(v, v)); }

void AddScaled(std::span<const double> v, double factor, std::span<double> sum) {
  for (size_t i = 0; i < v.size(); ++i) sum[i] += factor * v[i];
}

void Scale(double factor, std::span<double> v) {
  for (double& value : v) value *= factor;
}

void ActivationRows::Add(std::span<const float> row) {
  if (width_ == 0) width_ = row.size();
  STEER_CHECK(width_ > 0 && row.size() == width_);
  values_.insert(values_.end(), row.begin(), row.end());
}

void ActivationRows::Centre() {
  const std::vector<double> ones(count(), 1 / static_cast<double>(count()));
  const std::vector<double> mean = TimesOnLeft(ones);
  for (size_t i = 0; i < values_.size(); ++i)
    values_[i] = static_cast<float>(values_[i] - mean[i % width_]);
}

double ActivationRows::SquareSum() const {
  double sum = 0;
  for (const float value : values_) sum += static_cast<double>(value) * value;
  return sum;
}

std::vector<double> ActivationRows::Times(std::span<const double> v) const {
  std::vector<double> product(count());
  for (size_t i = 0; i < product.size(); ++i)
    product[i] = DotOf(values_.data() + i * width_, v.data(), width_);
  return product;
}

std::vector<double> ActivationRows::TimesOnLeft(std::span<const double> u) const {
  std::vector<double> product(width_);
  for (size_t i = 0; i < u.size(); ++i) {
    const float* const row = values_.data() + i * width_;
    for (size_t j = 0; j < width_; ++j) product[j] += u[i] * static_cast<double>(row[j]);
  }
  return product;
}

}  // namespace steer

#include "core/model/rope_scaling.h"

#include <cmath>
#include <numbers>

namespace steer {

std::vector<double> LinearDivisors(double factor, int64_t rotary_dim) {
  if (factor == 1) return {};
  return std::vector<double>(rotary_dim / 2, factor);
}

std::vector<double> Llama3Divisors(const Llama3Scaling& scaling, double theta, int64_t rotary_dim) {
  std::vector<double> divisors;
  for (int64_t pair = 0; pair < rotary_dim / 2; ++pair) {
    const double exponent = 2 * static_cast<double>(pair) / static_cast<double>(rotary_dim);
    const double wave = 2 * std::numbers::pi * std::pow(theta, exponent);
    const double turns = scaling.original_positions / wave;
    if (turns < scaling.low_factor) {
      divisors.push_back(scaling.factor);
    } else if (turns > scaling.high_factor) {
      divisors.push_back(1);
    } else {
      const double kept = (turns - scaling.low_factor) / (scaling.high_factor - scaling.low_factor);
      divisors.push_back(1 / ((1 - kept) / scaling.factor + kept));
    }
  }
  return divisors;
}

double LongRopeAmplitude(double factor, double original_positions) {
  return factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original_positions));
}

}  // namespace steer

#pragma once

#include <cstdint>
#include <vector>

#include "core/model/model_config.h"

namespace steer {

// Every frequency divided by `factor`.
std::vector<double> LinearDivisors(double factor, int64_t rotary_dim);

// Llama 3.1's scaling: waves longer than original_positions / low_factor are stretched by `factor`,
// those shorter than original_positions / high_factor are left alone, and between them goes from
// one to the other.
struct Llama3Scaling {
  double factor = 0;       // 1 or more
  double low_factor = 0;   // above 0
  double high_factor = 0;  // above low_factor
  double original_positions = 0;
};
std::vector<double> Llama3Divisors(const Llama3Scaling& scaling, double theta, int64_t rotary_dim);

// What LongRoPE multiplies cosines and sines by for a context stretched by `factor`.
double LongRopeAmplitude(double factor, double original_positions);

}  // namespace steer

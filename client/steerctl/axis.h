#pragma once

#include <string>
#include <vector>

namespace steer {

struct Range {
  double low = 0;
  double high = 0;
};

// A linear axis of a plot: from values to pixels, with ticks at round numbers. An immutable value.
class Axis {
 public:
  struct Tick {
    double value = 0;
    std::string label;
  };

  // Covers the finite ones of `values` and a margin; without any, 0 to 1. `pixels.low` is where
  // the lowest value goes, and may be the greater one. About one tick each `pixels_a_tick`.
  Axis(const std::vector<double>& values, Range pixels, double pixels_a_tick);

  // Values off the axis go to its end: nothing is drawn outside.
  double Pixel(double value) const;
  const std::vector<Tick>& ticks() const { return ticks_; }

 private:
  Range values_;
  Range pixels_;
  std::vector<Tick> ticks_;
};

// "−1.25", with a typographic minus, up to `digits` significant digits.
std::string NumberText(double value, int digits = 3);
// "−1.250", with so many decimals while the number is short.
std::string FixedText(double value, int decimals);

}  // namespace steer

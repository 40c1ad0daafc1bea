#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "client/steerctl/axis.h"

namespace steer {

// From numbers to colours. Both ramps grow lighter all the way, so that they can be told apart by
// the colour-blind and in grey. An immutable value.
class ColourScale {
 public:
  // From blue over grey to yellow: grey is `centre`, and equal distances from it are equally far
  // from grey. Covers the finite ones of `values`.
  static ColourScale Around(double centre, const std::vector<double>& values);
  // From dark red over orange to cream: from the least to the greatest of `values`.
  static ColourScale Over(const std::vector<double>& values);

  // The values that the colours are spread over; low < high.
  Range range() const { return range_; }
  // "#rrggbb"; values outside have the colour of their end.
  std::string Colour(double value) const;
  // Of a text on that colour.
  const char* Ink(double value) const;

 private:
  using Ramp = std::array<uint32_t, 9>;  // 0xRRGGBB at even steps
  struct Rgb {
    double red = 0;  // 0 .. 255, as all three
    double green = 0;
    double blue = 0;
  };
  ColourScale(Range range, const Ramp& ramp) : range_(range), ramp_(&ramp) {}
  static Rgb Part(uint32_t colour);
  Rgb At(double value) const;

  static const Ramp kDiverging;
  static const Ramp kSequential;
  Range range_;
  const Ramp* ramp_;
};

}  // namespace steer

#include "client/steerctl/axis.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace steer {
namespace {

constexpr double kMargin = 0.05;         // of the values' extent, at each end
constexpr double kLeastRelative = 1e-9;  // an extent below this share of the values is rounding
constexpr double kLeast = 1e-290;        // below, powers of ten lose digits
constexpr int kMostDecimals = 6;         // beyond, exponents are shorter

std::string WithMinus(const std::string& text) {
  return absl::StrReplaceAll(text, {{"-", "\u2212"}});
}

Range Extent(const std::vector<double>& values) {
  Range range{INFINITY, -INFINITY};
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
  if (range.low > range.high) return {0, 1};
  const double size = std::max(std::abs(range.low), std::abs(range.high));
  // Halves, because the difference of two huge numbers need not be one.
  const double half = range.high / 2 - range.low / 2;
  const double margin = half > std::max(size * kLeastRelative, kLeast)
                            ? 2 * kMargin * half
                            : (size > kLeast ? size / 4 : 0.5);
  constexpr double kHuge = 1e300;
  return {std::max(range.low - margin, -kHuge), std::min(range.high + margin, kHuge)};
}

// The least of 1, 2 and 5 times a power of ten that is not below `least`.
double RoundStep(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * power >= least) return step * power;
  }
  return 10 * power;
}

// As many decimals as the step has, so that all labels of an axis have the same.
std::string TickLabel(double value, double step) {
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return FixedText(value, decimals);
}

}  // namespace

Axis::Axis(const std::vector<double>& values, Range pixels, double pixels_a_tick)
    : values_(Extent(values)), pixels_(pixels) {
  const double ticks = std::max(std::abs(pixels.high - pixels.low) / pixels_a_tick, 1.0);
  const double step = RoundStep(values_.high / ticks - values_.low / ticks);
  const double first = std::ceil(values_.low / step);
  // Counted, so that 0 is 0 and rounding does not add up.
  for (int i = 0; (first + i) * step <= values_.high; ++i) {
    const double value = (first + i) * step;
    ticks_.push_back({value, TickLabel(value == 0 ? 0 : value, step)});
  }
}

double Axis::Pixel(double value) const {
  const double clamped = std::clamp(value, values_.low, values_.high);
  const double share = (clamped / 2 - values_.low / 2) / (values_.high / 2 - values_.low / 2);
  return pixels_.low + share * (pixels_.high - pixels_.low);
}

std::string NumberText(double value, int digits) {
  return WithMinus(absl::StrFormat("%.*g", digits, value == 0 ? 0 : value));
}

std::string FixedText(double value, int decimals) {
  if (decimals > kMostDecimals || std::abs(value) >= 1e7)
    return WithMinus(absl::StrFormat("%.4g", value));
  const std::string text = absl::StrFormat("%.*f", decimals, value);
  const bool zero = text.find_first_not_of("-0.") == std::string::npos;
  return WithMinus(zero ? text.substr(text.find('0')) : text);
}

}  // namespace steer

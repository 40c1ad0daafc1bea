#include "client/steerctl/colour_scale.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "client/steerctl/plot_style.h"

namespace steer {
namespace {

constexpr double kHuge = 1e300;          // differences of greater numbers need not be numbers
constexpr double kLeastRelative = 1e-9;  // a range below this share of the values is rounding
constexpr double kLeast = 1e-290;

// Halves, because the difference of two huge numbers need not be one.
double HalfDistance(double from, double to) { return to / 2 - from / 2; }

// Half of the range of a scale: `half` unless that is rounding of numbers of this size.
double HalfRange(double half, double size) {
  if (half > std::max(size * kLeastRelative, kLeast)) return half;
  return std::max(size / 4, 0.5);
}

// The light of one byte of a colour (sRGB), 0 to 1.
double Linear(double byte) {
  const double share = byte / 255;
  return share <= 0.04045 ? share / 12.92 : std::pow((share + 0.055) / 1.055, 2.4);
}

}  // namespace

// Lightness from 0.32 to 0.93 (OKLCH), hue 262 below the middle and 98 above.
constexpr ColourScale::Ramp ColourScale::kDiverging = {
    0x00297c, 0x1f4288, 0x3f5b8d, 0x617290, 0x878787, 0xa7a07b, 0xc5b874, 0xe4d06c, 0xffe97d};
// Lightness from 0.30 to 0.96, hue from 355 to 90.
constexpr ColourScale::Ramp ColourScale::kSequential = {
    0x45202f, 0x6d283a, 0x96323b, 0xba4535, 0xd7632f, 0xe9873c, 0xf2ad63, 0xf7d298, 0xfff3d3};

ColourScale::Rgb ColourScale::Part(uint32_t colour) {
  constexpr uint32_t kByte = 0xff;
  return {static_cast<double>(colour >> 16 & kByte), static_cast<double>(colour >> 8 & kByte),
          static_cast<double>(colour & kByte)};
}

ColourScale ColourScale::Around(double centre, const std::vector<double>& values) {
  const double middle = std::clamp(centre, -kHuge / 4, kHuge / 4);
  double half = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    half = std::max(half, 2 * std::abs(HalfDistance(middle, std::clamp(value, -kHuge, kHuge))));
  }
  half = HalfRange(half, std::abs(middle));
  return {{middle - half, middle + half}, kDiverging};
}

ColourScale ColourScale::Over(const std::vector<double>& values) {
  Range range{INFINITY, -INFINITY};
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    range.low = std::min(range.low, std::clamp(value, -kHuge, kHuge));
    range.high = std::max(range.high, std::clamp(value, -kHuge, kHuge));
  }
  if (range.low > range.high) range = {0, 1};
  const double middle = range.low / 2 + range.high / 2;
  const double half = HalfRange(HalfDistance(range.low, range.high),
                                std::max(std::abs(range.low), std::abs(range.high)));
  if (half > HalfDistance(range.low, range.high)) range = {middle - half, middle + half};
  return {range, kSequential};
}

ColourScale::Rgb ColourScale::At(double value) const {
  const double clamped = std::clamp(value, range_.low, range_.high);
  const double share = HalfDistance(range_.low, clamped) / HalfDistance(range_.low, range_.high);
  const auto last = static_cast<double>(ramp_->size() - 1);
  const double place = std::clamp(share * last, 0.0, last);
  const auto before = std::min(static_cast<size_t>(place), ramp_->size() - 2);
  const double part = place - static_cast<double>(before);
  const Rgb from = Part((*ramp_)[before]);
  const Rgb to = Part((*ramp_)[before + 1]);
  return {from.red + part * (to.red - from.red), from.green + part * (to.green - from.green),
          from.blue + part * (to.blue - from.blue)};
}

std::string ColourScale::Colour(double value) const {
  const Rgb rgb = At(value);
  return absl::StrFormat("#%02x%02x%02x", std::lround(rgb.red), std::lround(rgb.green),
                         std::lround(rgb.blue));
}

const char* ColourScale::Ink(double value) const {
  const Rgb rgb = At(value);
  const double luminance =
      0.2126 * Linear(rgb.red) + 0.7152 * Linear(rgb.green) + 0.0722 * Linear(rgb.blue);
  // Where white and ink stand out alike.
  constexpr double kMiddle = 0.2016;
  return luminance < kMiddle ? "#ffffff" : kInk;
}

}  // namespace steer

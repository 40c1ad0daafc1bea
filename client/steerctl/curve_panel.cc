#include "client/steerctl/curve_panel.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/steerctl/plot_style.h"

namespace steer {
namespace {

constexpr double kPixelsATick = 44;
constexpr double kLabelHeight = 14;

// Everything of the series that the axis has to hold.
std::vector<double> ValuesOf(const CurveSeries& series) {
  std::vector<double> values;
  for (const CurveSeries::Point& point : series.points) {
    values.push_back(point.value);
    if (!point.interval) continue;
    values.push_back(point.interval->low);
    values.push_back(point.interval->high);
  }
  for (const CurveSeries::Fitted& point : series.fitted) {
    if (point.value) values.push_back(*point.value);
  }
  if (series.recommended) values.push_back(series.recommended->value);
  return values;
}

// A panel being drawn: where numbers go. Not thread-safe.
class Drawing {
 public:
  Drawing(Svg& svg, const Panel& panel, const Axis& x, Range pixels, const CurveSeries& series)
      : svg_(svg),
        panel_(panel),
        x_(x),
        pixels_(pixels),
        series_(series),
        y_(ValuesOf(series), {panel.y.high, panel.y.low}, kPixelsATick) {}

  void Grid() const;
  void Band() const;
  void Law() const;
  void Points() const;
  void HalfPoints() const;
  void Nothing() const;

 private:
  Spot At(double multiplier, double value) const { return {x_.Pixel(multiplier), y_.Pixel(value)}; }
  void BandBetween(size_t begin, size_t end) const;
  void HalfPointLabel(const CurveSeries::HalfPoint& half) const;

  Svg& svg_;
  const Panel& panel_;
  const Axis& x_;
  const Range pixels_;
  const CurveSeries& series_;
  const Axis y_;
};

void Drawing::Grid() const {
  constexpr char kFine[] = "stroke=\"#000000\" stroke-opacity=\"0.09\" stroke-width=\"1\"";
  constexpr char kZero[] = "stroke=\"#000000\" stroke-opacity=\"0.4\" stroke-width=\"1\"";
  for (const Axis::Tick& tick : x_.ticks()) {
    const double x = x_.Pixel(tick.value);
    svg_.Line({x, panel_.y.low}, {x, panel_.y.high}, tick.value == 0 ? kZero : kFine);
    svg_.Line({x, panel_.y.high}, {x, panel_.y.high + 4}, Stroke(kInk, 1));
  }
  for (const Axis::Tick& tick : y_.ticks()) {
    if (series_.points.empty() && series_.fitted.empty()) break;
    const double y = y_.Pixel(tick.value);
    svg_.Line({pixels_.low, y}, {pixels_.high, y}, tick.value == 0 ? kZero : kFine);
    svg_.Line({pixels_.low - 4, y}, {pixels_.low, y}, Stroke(kInk, 1));
    svg_.Text({pixels_.low - 8, y + 4}, tick.label,
              absl::StrCat(kSmallText, " text-anchor=\"end\""));
  }
  svg_.Rectangle({pixels_.low, panel_.y.low},
                 {pixels_.high - pixels_.low, panel_.y.high - panel_.y.low},
                 absl::StrCat("fill=\"none\" ", Stroke(kInk, 1)));
  const double middle = (panel_.y.low + panel_.y.high) / 2;
  constexpr double kLabelX = 20;
  svg_.Text({kLabelX, middle}, panel_.label,
            absl::StrCat("font-size=\"13\" text-anchor=\"middle\" transform=\"rotate(-90 ", kLabelX,
                         " ", middle, ")\""));
}

void Drawing::Band() const {
  const std::vector<CurveSeries::Fitted>& fitted = series_.fitted;
  for (size_t begin = 0; begin < fitted.size(); ++begin) {
    size_t end = begin;
    while (end < fitted.size() && fitted[end].band) ++end;
    BandBetween(begin, end);
    begin = end;
  }
}

// There and back: the upper edge from the left, the lower one from the right.
void Drawing::BandBetween(size_t begin, size_t end) const {
  std::vector<Spot> edge;
  for (size_t i = begin; i < end; ++i) {
    edge.push_back(At(series_.fitted[i].multiplier, series_.fitted[i].band->high));
  }
  for (size_t i = end; i > begin; --i) {
    edge.push_back(At(series_.fitted[i - 1].multiplier, series_.fitted[i - 1].band->low));
  }
  svg_.Polygon(edge, absl::StrCat("fill=\"", panel_.colours.band, "\" fill-opacity=\"0.6\""));
}

void Drawing::Law() const {
  std::vector<Spot> piece;
  const auto end_piece = [&] {
    svg_.Polyline(piece,
                  absl::StrCat(Stroke(panel_.colours.line, 2), " stroke-linejoin=\"round\""));
    piece.clear();
  };
  for (const CurveSeries::Fitted& point : series_.fitted) {
    if (point.value) {
      piece.push_back(At(point.multiplier, *point.value));
    } else {
      end_piece();
    }
  }
  end_piece();
}

void Drawing::Points() const {
  for (const CurveSeries::Point& point : series_.points) {
    if (!point.interval) continue;
    DrawWhisker(svg_, At(point.multiplier, point.interval->low),
                At(point.multiplier, point.interval->high), 1);
  }
  for (const CurveSeries::Point& point : series_.points) {
    svg_.Circle(At(point.multiplier, point.value), kPointRadius,
                absl::StrCat("fill=\"", panel_.colours.line, "\" ", Stroke("#ffffff", 0.8)));
  }
  if (series_.recommended) {
    DrawDiamond(svg_, At(series_.recommended->multiplier, series_.recommended->value));
  }
}

void Drawing::HalfPoints() const {
  for (const CurveSeries::HalfPoint& half : series_.half_points) {
    const Spot at = At(half.multiplier, half.value);
    if (half.interval) {
      DrawWhisker(svg_, {x_.Pixel(half.interval->low), at.y}, {x_.Pixel(half.interval->high), at.y},
                  1.6);
    }
    DrawTriangle(svg_, at, panel_.colours.line);
    HalfPointLabel(half);
  }
}

// Outwards of the curve and on the side of the mark from which the curve turns away farther out.
void Drawing::HalfPointLabel(const CurveSeries::HalfPoint& half) const {
  const bool left = half.multiplier < 0;
  const CurveSeries::Fitted& outermost = left ? series_.fitted.front() : series_.fitted.back();
  const bool above = half.value >= outermost.value.value_or(half.value);
  const std::string text = absl::StrCat("m½ = ", NumberText(half.multiplier));
  const double width = TextWidth(text, kSmallSize) + 6;
  const Spot mark = At(half.multiplier, half.value);
  const double x =
      std::clamp(left ? mark.x - width - 6 : mark.x + 6, pixels_.low + 2, pixels_.high - width - 2);
  const double y =
      std::clamp(above ? mark.y - 10 : mark.y + 20, panel_.y.low + kLabelHeight, panel_.y.high - 6);
  svg_.Rectangle({x, y - 11}, {width, kLabelHeight}, "fill=\"#ffffff\" fill-opacity=\"0.8\"");
  // From the end that is next to the mark: fonts differ in width.
  svg_.Text({left ? x + width - 3 : x + 3, y}, text,
            absl::StrCat(kSmallText, left ? " text-anchor=\"end\"" : ""));
}

void Drawing::Nothing() const {
  if (!series_.points.empty()) return;
  constexpr double kSize = 13;
  svg_.Text({(pixels_.low + pixels_.high) / 2, (panel_.y.low + panel_.y.high) / 2},
            Shortened(panel_.nothing, pixels_.high - pixels_.low - 20, kSize),
            "font-size=\"13\" text-anchor=\"middle\" fill=\"#555555\"");
}

}  // namespace

void DrawPanel(Svg& svg, const Panel& panel, const Axis& x, Range pixels,
               const CurveSeries& series) {
  const Drawing drawing(svg, panel, x, pixels, series);
  drawing.Grid();
  drawing.Band();
  drawing.Law();
  drawing.Points();
  drawing.HalfPoints();
  drawing.Nothing();
}

}  // namespace steer

#include "client/steerctl/plot_style.h"

#include "absl/strings/str_cat.h"

namespace steer {

const char* PhaseColour(v1::Phase phase) {
  switch (phase) {
    case v1::LINEAR:
      return "#d5ecd4";
    case v1::TRANSITIONAL:
      return "#fdf0c4";
    default:
      return "#e4e1ec";
  }
}

std::string Fill(const char* colour) { return absl::StrCat("fill=\"", colour, "\""); }

std::string Stroke(const char* colour, double width) {
  return absl::StrCat("stroke=\"", colour, "\" stroke-width=\"", width, "\"");
}

std::string SearchedStyle() {
  return absl::StrCat(Stroke(kRecommendedColour, 4), " stroke-opacity=\"0.5\"");
}

void DrawHeading(Svg& svg, double page_width, const Heading& heading) {
  constexpr double kMargin = 14;
  constexpr double kTitleSize = 16;
  constexpr double kBold = 1.15;  // how much wider than the same text in normal type
  constexpr char kGrey[] = "font-size=\"11\" fill=\"#444444\"";
  const double room = page_width - 2 * kMargin;
  svg.Text({kMargin, 26}, Shortened(heading.title, room, kTitleSize * kBold),
           "font-size=\"16\" font-weight=\"bold\"");
  svg.Text({kMargin, 44}, Shortened(heading.measured, room, kSmallSize), kGrey);
  svg.Text({kMargin, 59}, Shortened(heading.origin, room, kSmallSize), kGrey);
}

void DrawWhisker(Svg& svg, Spot from, Spot to, double width) {
  constexpr double kCap = 3;
  const std::string style = Stroke(kInk, width);
  const Spot cap = from.x == to.x ? Spot{kCap, 0} : Spot{0, kCap};
  svg.Line(from, to, style);
  for (const Spot end : {from, to}) {
    svg.Line({end.x - cap.x, end.y - cap.y}, {end.x + cap.x, end.y + cap.y}, style);
  }
}

void DrawTriangle(Svg& svg, Spot centre, const char* colour) {
  svg.Polygon(
      {{centre.x, centre.y - 6}, {centre.x + 6, centre.y + 5}, {centre.x - 6, centre.y + 5}},
      absl::StrCat("fill=\"#ffffff\" ", Stroke(colour, 2)));
}

void DrawDiamond(Svg& svg, Spot centre) {
  svg.Polygon({{centre.x, centre.y - 6},
               {centre.x + 6, centre.y},
               {centre.x, centre.y + 6},
               {centre.x - 6, centre.y}},
              absl::StrCat(Fill(kRecommendedColour), " ", Stroke("#ffffff", 1)));
}

}  // namespace steer

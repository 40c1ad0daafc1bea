#pragma once

#include <string>

#include "client/steerctl/svg.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// The looks that the parts of a plot of a dose curve share. Colours keep apart for the colour-blind
// and in grey.

inline constexpr char kSmallText[] = "font-size=\"11\"";
inline constexpr double kSmallSize = 11;
inline constexpr double kPointRadius = 3.2;

// A colour for what was measured and fitted, and a lighter one for the band.
struct PanelColours {
  const char* line;
  const char* band;
};
inline constexpr PanelColours kPreferenceColours = {"#0b5394", "#9fc5e8"};
inline constexpr PanelColours kUtilityColours = {"#b45309", "#f6c99f"};
inline constexpr char kInk[] = "#1a1a1a";
inline constexpr char kRecommendedColour[] = "#b5179e";

const char* PhaseColour(v1::Phase phase);
std::string Fill(const char* colour);
std::string Stroke(const char* colour, double width);
// Of a line along the range that was searched for the recommended multiplier.
std::string SearchedStyle();

// The title of a page and two lines about what it shows, at its top.
struct Heading {
  std::string title;
  std::string measured;
  std::string origin;
};
inline constexpr double kHeadingHeight = 66;
void DrawHeading(Svg& svg, double page_width, const Heading& heading);

// An interval with its two ends; vertical or horizontal.
void DrawWhisker(Svg& svg, Spot from, Spot to, double width);
// The mark of a half-validity point.
void DrawTriangle(Svg& svg, Spot centre, const char* colour);
// The mark of what is predicted of the recommended multiplier.
void DrawDiamond(Svg& svg, Spot centre);

}  // namespace steer

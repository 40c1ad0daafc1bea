#pragma once

#include <string>

#include "client/steerctl/map_layout.h"
#include "client/steerctl/svg.h"

namespace steer {

struct MapPanel {
  Quantity quantity = Quantity::kPreference;
  std::string title;
  double top = 0;  // of the title
};

// One quantity: the title, the cells in their colours, rows and columns with their names, and the
// colour bar. Returns where it ends.
double DrawMapPanel(Svg& svg, const MapPanel& panel, const MapGrid& grid, const MapLayout& layout);

// Pixels that the colour bar and its numbers take right of the cells.
inline constexpr double kColourBarRoom = 112;

// Of the line at multiplier 0 where there are no columns.
inline constexpr char kZeroLine[] =
    "stroke=\"#1a1a1a\" stroke-width=\"1\" stroke-dasharray=\"4 3\"";
// A place without a value: white, hatched.
void DrawHatched(Svg& svg, Spot corner, Spot size);
// The frame around the plain model's cells.
void DrawPlainFrame(Svg& svg, Spot corner, Spot size);

}  // namespace steer

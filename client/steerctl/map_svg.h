#pragma once

#include <string>

#include "client/steerctl/map_grid.h"

namespace steer {

// A map as an SVG picture: preference above utility, each a grid of coloured cells with its colour
// bar, and the values written in as far as there is room. Preference has its neutral colour where
// the plain model is; cells where a quantity is undefined are hatched, and the plain model's are
// framed. Pure.
std::string MapSvg(const MapPlot& plot);

}  // namespace steer

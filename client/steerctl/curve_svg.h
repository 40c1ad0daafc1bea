#pragma once

#include <string>

#include "client/steerctl/curve_series.h"

namespace steer {

// The dose curve as an SVG picture: preference above utility, both against the multiplier, with the
// measured means and their intervals, and as far as the plot has them the fitted laws and bands,
// half-validity points, the phases of the preference, and the recommended multiplier. What is
// undefined is left out, and said so. Pure.
std::string CurveSvg(const CurvePlot& plot);

}  // namespace steer

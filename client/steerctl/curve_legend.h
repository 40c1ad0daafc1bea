#pragma once

#include "client/steerctl/axis.h"
#include "client/steerctl/curve_series.h"
#include "client/steerctl/svg.h"

namespace steer {

// What the marks of a plot mean, as far as it has them: rows within `pixels`, the first with its
// text at `y`. Returns where the last one is.
double DrawLegend(Svg& svg, const CurveParts& parts, Range pixels, double y);

}  // namespace steer

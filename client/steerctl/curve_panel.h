#pragma once

#include <string>

#include "client/steerctl/axis.h"
#include "client/steerctl/curve_series.h"
#include "client/steerctl/plot_style.h"
#include "client/steerctl/svg.h"

namespace steer {

struct Panel {
  Range y;  // pixels, top first
  std::string label;
  PanelColours colours;
  std::string nothing;  // said where there is not one point
};

// One quantity against the multiplier: axes, band, law, points, half-validity points. `x` is shared
// with the panels above and below; `pixels` is its extent.
void DrawPanel(Svg& svg, const Panel& panel, const Axis& x, Range pixels,
               const CurveSeries& series);

}  // namespace steer

#pragma once

#include <string>

#include "client/steerctl/map_grid.h"

namespace steer {

// One quantity as a table: rows against multipliers, as many columns side by side as a line holds.
// "-" is undefined. Rows that were measured at different multipliers show those that all have.
std::string MapText(const MapGrid& grid, Quantity quantity, v1::LossMode mode);

}  // namespace steer

#pragma once

#include <string>

#include "absl/status/status.h"
#include "client/steer_client.h"
#include "client/steerctl/curve_series.h"
#include "client/steerctl/map_grid.h"

namespace steer {

// An alias that points to this signal now; empty if there is none, or no such signal any more.
std::string NameOfSignal(Client& client, const std::string& signal_id);

// What a map calls this signal: by `given` or else by an alias or the beginning of its id.
SignalLabel LabelOf(Client& client, const std::string& signal_id, const std::string& given);

// Draws the plot into a file; nothing for an empty path.
absl::Status WriteSvg(const CurvePlot& plot, const std::string& path);
absl::Status WriteSvg(const MapPlot& plot, const std::string& path);

// A fit in words: the result on standard output, or with `beside` a result of another form what is
// said about it, on standard error.
void ShowFit(const v1::FitCurveResponse& fit, v1::LossMode mode, bool beside);

}  // namespace steer

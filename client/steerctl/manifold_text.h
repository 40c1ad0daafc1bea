#pragma once

#include <string>
#include <vector>

#include "client/steerctl/table.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// A manifold view as people and as programs read it. D has columns where `curve` is true.
Table ManifoldTable(bool curve);
std::vector<std::string> ManifoldRow(const v1::ManifoldPoint& point, bool curve);
// The lines below the table, without the last one's end.
std::string ManifoldText(const v1::ManifoldSummary& summary);

std::string ManifoldCsvHeader();
std::string ManifoldCsvLine(const v1::ManifoldPoint& point);

}  // namespace steer

#pragma once

#include <string>
#include <vector>

#include "client/steerctl/table.h"
#include "steer/v1/probe.pb.h"

namespace steer {

// What steerctl says of probes. Numbers are means over pairs, nats per answer token; gains and
// losses are against the plain model.

// A row per probe set, with its last run.
Table ProbeTable(const std::vector<v1::Probe>& probes);
// A row per run.
Table ProbeRunTable(const std::vector<v1::ProbeRun>& runs);
// A header, then a line per multiplier of each run, with the run's own numbers repeated; a run
// without multipliers is one line.
std::string ProbeRunCsv(const std::vector<v1::ProbeRun>& runs);

}  // namespace steer

#pragma once

#include <cstddef>
#include <vector>

namespace steer {

// Percentiles by nearest rank: pX is the smallest sample that at least X % of them do not exceed.
// All zero if there is none.
struct LatencySummary {
  double p50 = 0, p90 = 0, p99 = 0, max = 0;
  size_t samples = 0;
};
LatencySummary Summarize(std::vector<double> samples);

}  // namespace steer

#include "client/loadgen/latency.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace steer {
namespace {

// Nearest rank.
double OfSorted(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

}  // namespace

LatencySummary Summarize(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return {OfSorted(samples, 0.5), OfSorted(samples, 0.9), OfSorted(samples, 0.99),
          samples.empty() ? 0 : samples.back(), samples.size()};
}

}  // namespace steer

#pragma once

#include <cstdint>
#include <string>

namespace steer {

// A learning job as the store keeps it. Whoever reads the store knows what its texts mean.
struct KeptJob {
  int64_t number = 0;      // the store's: from 1, never given twice
  std::string definition;  // any bytes: what is to be done; empty once it has finished
  std::string record;      // UTF-8: what is told about it
  bool finished = false;
  bool operator==(const KeptJob&) const = default;
};

// Of those that have finished, so many are kept.
inline constexpr int kKeptFinishedJobs = 1000;

}  // namespace steer

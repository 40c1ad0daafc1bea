#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/signal/positions.h"

namespace steer {

// The pairs with which a signal in use is watched. It belongs to the name under which callers use
// the signal: where that is an alias, the watch goes on with the version that it moves to.
struct ProbeSet {
  std::string signal;           // alias or id
  std::string definition;       // what is measured; whoever reads the store knows its form
  int64_t created_unix_ms = 0;  // the store sets it
  bool operator==(const ProbeSet&) const = default;
};

// What one multiplier in use does to the pairs.
struct ProbePoint {
  PositionRule positions;
  double multiplier = 0;       // m1
  double bias_multiplier = 0;  // m2
  int64_t uses = 0;            // controls of requests that had it, since the run before
  double preference = 0;       // means over pairs, MEAN nats
  std::optional<double> utility;
  bool operator==(const ProbePoint&) const = default;
};

// One probe of a signal: the multipliers in use against the plain model, on the same pairs.
struct ProbeRun {
  std::string signal;     // whose probe set it is
  std::string signal_id;  // the version that was measured
  std::string model_fingerprint;
  int64_t measured_unix_ms = 0;  // the store sets it
  int pairs = 0;
  double plain_preference = 0;
  std::optional<double> plain_utility;
  std::vector<ProbePoint> points;  // the most used first
  bool operator==(const ProbeRun&) const = default;
};

// A probe set keeps its first run, which later ones are compared with, and the last of this many.
inline constexpr int kKeptProbeRuns = 1000;

}  // namespace steer

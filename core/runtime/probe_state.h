#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/runtime/specs.h"
#include "core/store/probe_record.h"

namespace steer {

inline constexpr int kMostProbeSets = 64;
inline constexpr size_t kMostProbeMultipliers = 8;  // of one run: the most used

// A probe set and what is known by it.
struct ProbeState {
  std::string signal;  // alias or id
  int pairs = 0;
  int64_t created_unix_ms = 0;
  std::optional<ProbeRun> first;  // since the set was given
  std::optional<ProbeRun> last;
  int64_t runs = 0;      // since the start
  int64_t failures = 0;  // since the start
  absl::Status status;   // of the last run
};

// What the multipliers in use do on average, each weighted by its uses.
struct ProbeEffect {
  double multiplier = 0;
  double preference = 0;
  double preference_gain = 0;  // against the plain model, on the same pairs; MEAN nats
  // nullopt where no pair has a utility throughout.
  std::optional<double> utility;
  std::optional<double> utility_loss;  // U(0) - U(m)
};
ProbeEffect EffectOf(const ProbeRun& run);

// How the last run's average effect differs from the first's; nullopt where one of them is not
// known.
struct ProbeDrift {
  std::optional<double> preference;  // of the gain
  std::optional<double> utility;     // of minus the loss
};
ProbeDrift DriftOf(const ProbeState& state);

// How a store keeps what a set measures: pairs and their format as JSON.
std::string ToDefinition(const PairSetSpec& pairs);
// DATA_LOSS if `set` is not what ToDefinition makes.
absl::StatusOr<PairSetSpec> ToPairSet(const ProbeSet& set);

}  // namespace steer

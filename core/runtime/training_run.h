#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/learn/job.h"
#include "core/learn/trainer.h"
#include "core/runtime/device_pools.h"
#include "core/signal/signal_data.h"

namespace steer {

// What a run has learnt, without marks and defaults.
struct TrainedSignal {
  SignalData signal;
  std::map<std::string, double> results;  // "steps", "loss", "winning_loss", …, "seconds"
  double reach = 0;  // the multiplier out to which its dose curve is worth measuring, on both sides
};

// Trains a signal through one pool, whose engine runs the pieces as background work: small ones
// while somebody waits for tokens of that device. Tells `context` of every step; CANCELLED between
// two steps. Blocks.
absl::StatusOr<TrainedSignal> Train(const EngineScorer::Place& place, const CarrierSpec& carrier,
                                    const TrainingParams& params, std::vector<ContrastPair> pairs,
                                    JobContext& context);

}  // namespace steer

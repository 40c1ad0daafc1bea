#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/learn/early_stop.h"
#include "core/learn/job_queue.h"
#include "core/learn/trainer.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/job_checkpoint.h"
#include "core/runtime/learnt_signals.h"

namespace steer {

// What a run learns, from what and how.
struct TrainingRun {
  CarrierSpec carrier;
  TrainingParams params;
  EarlyStopParams early_stop;
  // The residual norm that the factors are meant for: they are multiplied by that of this model, at
  // block_out of the lowest layer and over the pairs, divided by it. Nothing: they are as they are.
  std::optional<double> reference_norm;
  // Learns again from the swapped pairs and subtracts: see Difference.
  bool subtract_swapped = false;
  std::vector<ContrastPair> pairs;
  std::vector<ContrastPair> held_out;  // may be none: then nothing stops it early
};

// Trains a signal through one pool, whose engine runs the pieces as background work: small ones
// while somebody waits for tokens of that device. Goes on from `checkpoint` if that has a run, and
// writes it now and then and when it is interrupted. Tells `context` of every step; CANCELLED
// between two steps. Blocks.
absl::StatusOr<LearntSignal> Train(const EngineScorer::Place& place, TrainingRun run,
                                   JobCheckpoint& checkpoint, JobContext& context);

}  // namespace steer

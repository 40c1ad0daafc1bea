#pragma once

#include <cstdint>
#include <optional>

namespace steer {

// What a step of training was like, before it changed the signal. A value.
struct StepReport {
  int step = 0;  // from 1
  double loss = 0;
  double winning_loss = 0;            // pooled L_p of the step, nats per token
  std::optional<double> losing_loss;  // L_n, where the objective looks at it
  double gradient_norm = 0;           // before clipping
  double learning_rate = 0;
  int64_t tokens = 0;  // of the texts, prompts among them
};

// What held-out pairs say of a signal at the mean of the factors that it learns with. A value.
struct HeldOutReport {
  int step = 0;                   // behind which
  double loss = 0;                // the objective's, of all held-out pairs
  double preference = 0;          // mean log-odds of the winning answer, MEAN nats
  std::optional<double> utility;  // mean log-odds of the pairs that have one
};

// How a run is getting on.
struct TrainingProgress {
  StepReport last;
  std::optional<HeldOutReport> held_out;  // the latest
  int steps = 0;                          // of the whole run
  double tokens_per_second = 0;
  double seconds_left = 0;  // as the steps so far tell
};

}  // namespace steer
